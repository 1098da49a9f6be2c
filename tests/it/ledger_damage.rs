//! A ledger that was cut or in which bits were flipped: it opens, or it says what is lost; what it sends is right.

use std::path::Path;

use spile::ledger::{Ability, InDoubt, Options, State};

use crate::harness::stress;
use crate::ledger::{Process, WINDOW, World, able, id, part, plan, status};

/// Random numbers that a seed repeats (SplitMix64, Steele and others 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
}

/// The events of a run of some length, most of them not sent yet.
fn lines() -> Vec<String> {
    let mut lines = vec![status("s", 1, "begin")];
    lines.extend((0..120).map(|n| {
        part("s", n, &format!("the text of part {n} {}", "x".repeat(n as usize * 7)), n == 119)
    }));
    lines.extend((0..40).map(|n| status("t", n + 1, &format!("message {n}"))));
    lines
}

/// A ledger of which a part has been sent, all of it in the one file.
fn ledger() -> (World, Vec<u8>) {
    let mut world = World::new(able(Ability::Idempotent(WINDOW)));
    let mut process = world.start();
    world.plan(&mut process, &lines()).unwrap();
    let mut left = 30;
    world.drive(&mut process, |_| {
        left -= 1;
        (left <= 0).then(|| spile::backoff::SendOutcome::Failed("enough".to_owned()))
    });
    drop(process);
    world.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let bytes = std::fs::read(&world.path).unwrap();
    (world, bytes)
}

/// What came of a ledger with these bytes.
#[derive(Debug, Default)]
struct Tally {
    refused: u64,
    said: u64,
    unnoticed: u64,
}

fn side_files(path: &Path) {
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
}

fn play(bytes: &[u8], lines: &[String], tally: &mut Tally) {
    let options = able(Ability::Idempotent(WINDOW));
    let in_doubt = InDoubt::Skip;
    let mut world = World::new(Options { in_doubt, ..options });
    // A ledger that had been there has its lock beside it.
    drop(world.start());
    side_files(&world.path);
    std::fs::write(&world.path, bytes).unwrap();
    let mut process = match world.try_start() {
        Ok(process) => process,
        Err(e) => {
            assert!(format!("{e:#}").len() > 20, "{e:#}");
            tally.refused += 1;
            return;
        }
    };
    if send_all(&mut world, &mut process, lines).is_err() {
        tally.refused += 1;
    } else if process.shared.lock().damage.is_empty() {
        tally.unnoticed += 1;
    } else {
        tally.said += 1;
    }
    // Whatever was sent is exactly what its id stands for.
    for (_, text) in &world.channel.arrived {
        assert!(lines.contains(text), "a wrong text was sent: {text}");
    }
}

fn send_all(world: &mut World, process: &mut Process, lines: &[String]) -> anyhow::Result<()> {
    use spile::backoff::SendOutcome;
    use spile::run::ledger::Task;
    world.plan(process, lines)?;
    loop {
        match process.driver.next(world.now)? {
            Task::Idle => return Ok(()),
            Task::Wait(until) => world.now = until,
            Task::Probe(_) => panic!("no probe is configured"),
            Task::Send(deliveries) => {
                for delivery in deliveries {
                    world.channel.apply(world.now, &delivery);
                    if let Some(position) = delivery.position {
                        process.driver.outcome(world.now, position, SendOutcome::Sent(None));
                    }
                }
            }
        }
    }
}

#[test]
fn a_ledger_cut_at_any_page_sends_nothing_wrong() {
    let (_world, bytes) = ledger();
    let lines = lines();
    let mut tally = Tally::default();
    let pages = bytes.len() / 4096;
    for page in 0..pages {
        play(&bytes[..page * 4096], &lines, &mut tally);
    }
    eprintln!("cut at each of {pages} pages: {tally:?}");
    assert_eq!(tally.unnoticed, 0, "a cut is noticed");
}

#[test]
fn flipped_bits_send_nothing_wrong() {
    let (_world, bytes) = ledger();
    let lines = lines();
    let mut tally = Tally::default();
    let mut dice = Dice(20261121);
    let rounds = stress(1000);
    for _ in 0..rounds {
        let mut bytes = bytes.clone();
        let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
        bytes[at] ^= 1 << dice.below(8);
        play(&bytes, &lines, &mut tally);
    }
    eprintln!("{rounds} flipped bits: {tally:?}");
}

/// A write-ahead log that was cut: the ledger comes back to a transaction that was whole.
pub fn torn() {
    let mut world = World::blind(InDoubt::Hold);
    let mut process = world.start();
    world.plan(&mut process, &plan("s")).unwrap();
    world.drive(&mut process, |_| None);
    let (main, log) = (
        std::fs::read(&world.path).unwrap(),
        std::fs::read(format!("{}-wal", world.path.display())).unwrap(),
    );
    assert!(log.len() > 10 * 4096);
    drop(process);
    let step = usize::try_from(20_000 / stress(400)).unwrap();
    let mut states = std::collections::BTreeSet::new();
    for at in (0..=log.len()).step_by(step) {
        let copy = World::blind(InDoubt::Hold);
        std::fs::write(&copy.path, &main).unwrap();
        std::fs::write(format!("{}-wal", copy.path.display()), &log[..at]).unwrap();
        let Ok(process) = copy.try_start() else {
            // Of the first transaction, which makes the tables, nothing is left.
            continue;
        };
        assert!(process.shared.lock().damage.is_empty());
        let now: Vec<State> = copy.rows().iter().map(|row| row.state).collect();
        // What is whole is a point of the history: in order, with at most one under way.
        let under_way = now.iter().filter(|s| **s == State::Sending).count();
        assert!(
            under_way <= 1
                && now.is_sorted_by_key(|s| match s {
                    State::Sent => 0,
                    State::Sending => 1,
                    _ => 2,
                }),
            "{now:?}"
        );
        states.insert(format!("{now:?}"));
    }
    assert!(states.len() >= 3, "{states:?}");
}

/// A flipped bit in a text: that row is not sent and said, those behind it are.
pub fn flipped_row() {
    let mut world = World::blind(InDoubt::Hold);
    let mut process = world.start();
    world.plan(&mut process, &plan("s")).unwrap();
    drop(process);
    world.sql("UPDATE delivery SET line = replace(line, 'text 1', 'text 9') WHERE part = 1");
    let mut process = world.start();
    world.plan(&mut process, &plan("s")).unwrap();
    world.drive(&mut process, |_| None);
    assert_eq!(world.channel.order, [0, 2].map(|n| id("s", n)));
    let store = process.shared.lock();
    assert_eq!(store.damage.len(), 1, "{:?}", store.damage);
    assert!(store.damage[0].contains("s/1/b1/1"), "{:?}", store.damage);
}
