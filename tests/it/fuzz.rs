//! Fuzzing in process: random bytes and mutated streams through everything that reads bytes. No panic, and what leaves
//! wrap keeps the contract.

use std::time::{Duration, Instant};

use spile::check::{self, Check};
use spile::exit::Exit;
use spile::filter::Chain;
use spile::filter::coalesce::{Coalesce, Options};
use spile::guard;
use spile::redact;
use spile::stage::{Clock, FilterStage, Io, LineStage, Reading, Stage};
use spile::tap::{Config as TapConfig, Tap};
use spile::term::view::{self, View};
use spile::time::Time;

use crate::harness::{skip, stress};

/// The full count is ten minutes.
fn duration() -> Duration {
    Duration::from_secs(stress(600).min(600))
}

/// What the mutations start from: recordings where they are there, and our own fixtures.
fn seeds() -> Vec<Vec<u8>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let mut seeds = Vec::new();
    let folders = ["tests/fixtures", "../shared/recordings"].map(|f| format!("{root}{f}"));
    if !std::path::Path::new(&folders[1]).exists() {
        skip(
            "no recordings at ../shared/recordings; fuzzing starts from the project's own fixtures",
        );
    }
    let mut todo: Vec<std::path::PathBuf> = folders.iter().map(Into::into).collect();
    while let Some(path) = todo.pop() {
        if let Ok(entries) = std::fs::read_dir(&path) {
            todo.extend(entries.map(|e| e.unwrap().path()));
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes.len() < 100_000
            && !path.to_string_lossy().ends_with(".expect.json")
        {
            seeds.push(bytes);
        }
    }
    seeds.push(crate::commands::EVENT.repeat(5).into_bytes());
    seeds.sort();
    seeds
}

/// Random numbers that a seed repeats (SplitMix64, Steele and others 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    /// A stream: garbage, or a seed with a few things done to it.
    fn stream(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        if self.below(8) == 0 {
            let words: [&[u8]; 12] = [
                b"{", b"}", b"[", b"\"", b"\n", b"\r\n", b"\xff", b"\\u", b"\\ud83d", b":",
                b"null", b"data: ",
            ];
            return (0..self.below(200))
                .flat_map(|_| {
                    if self.below(3) == 0 {
                        vec![self.below(256) as u8]
                    } else {
                        words[self.below(12)].to_vec()
                    }
                })
                .collect();
        }
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..self.below(6) {
            let (at, len) = (self.below(bytes.len()), self.below(40));
            let end = (at + len).min(bytes.len());
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                3 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                4 => bytes.splice(at..at, *b"\n").for_each(drop),
                5 => {
                    // A line moves: order is what adapters rely on.
                    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
                    let (a, b) = (self.below(lines.len()), self.below(lines.len()));
                    if !lines.is_empty() {
                        lines.swap(a, b);
                    }
                    bytes = lines.concat();
                }
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    bytes.extend_from_slice(&other[from..]);
                }
            }
        }
        bytes
    }
}

/// Feeds a stage in slices of any size, with its deadlines.
fn drive(dice: &mut Dice, stage: &mut dyn Stage, bytes: &[u8]) -> Io {
    let mut io = Io::default();
    let (mut now, mut rest) = (1_700_000_000_000, bytes);
    while !rest.is_empty() {
        let (head, tail) = rest.split_at((1 + dice.below(3000)).min(rest.len()));
        now += dice.below(300) as u64;
        if stage.deadline().is_some_and(|at| at <= Time::from_millis(now)) {
            stage.on_tick(Time::from_millis(now), &mut io);
        }
        stage.on_bytes(Time::from_millis(now), head, &mut io);
        rest = tail;
    }
    stage.end(Time::from_millis(now), &mut io);
    io
}

fn tap(from: Option<&'static spile::adapter::Spec>) -> Tap {
    let guard = guard::Config { stream: "s".into(), label: None, max_block: 1 << 20 };
    Tap::new(TapConfig { guard, max_line: 1 << 20, strict: false, argv: Vec::new() }, from)
}

#[test]
fn no_input_makes_anything_panic_or_break_the_contract() {
    let seeds = seeds();
    let seed: u64 = std::env::var("SPILE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut dice = Dice(seed);
    let (started, mut rounds) = (Instant::now(), 0);
    while started.elapsed() < duration() {
        rounds += 1;
        let bytes = dice.stream(&seeds);
        let from = spile::adapter::ADAPTERS
            .iter()
            .copied()
            .nth(dice.below(2 * spile::adapter::ADAPTERS.len()));
        let io = drive(&mut dice, &mut tap(from), &bytes);
        let mut check = Check::new(check::Options::default());
        let report = drive(&mut dice, &mut check, &io.out);
        if check.exit() != Exit::Success {
            let file = std::env::temp_dir().join("spile-fuzz-input");
            std::fs::write(&file, &bytes).unwrap();
            panic!(
                "round {rounds}, from {:?}: the input is in {}\n{}",
                from.map(|f| f.name),
                file.display(),
                String::from_utf8_lossy(&report.out)
            );
        }
        let mut input = io.out;
        if dice.below(2) == 0 {
            input = dice.stream(&[input, bytes]);
        }
        let chain = Chain::new(vec![Box::new(Coalesce::new(Options::default()))]);
        let clock = if dice.below(2) == 0 { Clock::Wall } else { Clock::Event };
        drive(&mut dice, &mut FilterStage::new(chain, clock, &Reading::default()), &input);
        drive(
            &mut dice,
            &mut Check::new(check::Options { partial: true, ..check::Options::default() }),
            &input,
        );
        let secrets = redact::Options {
            values: vec![("value".to_owned(), "the file".to_owned())],
            patterns: vec![redact::Pattern {
                name: "pattern".to_owned(),
                regex: "a[a-z]{3,}t".to_owned(),
                until: None,
            }],
            key: (dice.below(2) == 0).then_some([7; 32]),
            within: redact::WITHIN,
        };
        let redact = secrets.stage().unwrap();
        drive(&mut dice, &mut LineStage::of(redact, &Reading::default()), &input);
        for format in [view::Format::Tty, view::Format::Plain, view::Format::Text] {
            let options = view::Options { format, colour: true, ..view::Options::default() };
            drive(&mut dice, &mut View::new(&options), &input);
        }
    }
    println!("fuzz: {rounds} rounds in {:?} from {} seeds", duration(), seeds.len());
}
