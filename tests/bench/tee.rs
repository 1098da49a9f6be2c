//! tee beside GNU tee, and what a sink that has stopped costs the others.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{PAIRS, SPILE, event, median, percentile, piped};

/// Events per second.
const RATE: u64 = 5000;

/// Sinks; the first is the one that may stop.
const SINKS: usize = 5;

/// How long a command takes.
type Seconds<'a> = &'a dyn Fn(&[&str]) -> f64;

/// A slow start is nobody's delay: what is written in the first of them does not count.
const WARM: Duration = Duration::from_secs(1);

/// `tee FILE` with stdout to nowhere and to a pipe: how much faster than GNU tee, the median of interleaved pairs.
pub fn throughput(input: &Path) {
    let to = |name: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (ours, gnu) = (to("ours"), to("gnu"));
    let (ours_at, gnu_at) = (ours.to_str().unwrap(), gnu.to_str().unwrap());
    let into_nothing = |command: &[&str]| {
        let since = Instant::now();
        let status = Command::new(command[0])
            .args(&command[1..])
            .stdin(File::open(input).unwrap())
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        since.elapsed().as_secs_f64()
    };
    let into_pipe = |command: &[&str]| piped(input, command).wall;
    let nowhere: Seconds<'_> = &into_nothing;
    let ways = [("tee FILE >/dev/null / GNU tee", nowhere), ("tee FILE | / GNU tee", &into_pipe)];
    for (name, seconds) in ways {
        let pair = |_| {
            // Both begin with a file that has to be made: to truncate one costs more the longer it was.
            let _ = (std::fs::remove_file(&ours), std::fs::remove_file(&gnu));
            let gnu = seconds(&["tee", gnu_at]);
            gnu / seconds(&[SPILE, "tee", ours_at])
        };
        let ratio = median((0..PAIRS).map(pair).collect());
        println!("{name:<28} {ratio:>8.2}  (wanted: at least 0.7)");
        assert!(std::fs::read(&ours).unwrap() == std::fs::read(input).unwrap());
    }
    let _ = (std::fs::remove_file(&ours), std::fs::remove_file(&gnu));
}

/// Five sinks of which one stops for `stop`, against five of which none does.
pub fn stopped(stop: Duration, pairs: usize) {
    let mut ratios = (Vec::new(), Vec::new());
    let (mut p50, mut p99, mut peak) = (Vec::new(), Vec::new(), 0);
    for _ in 0..pairs {
        let (without, a) = run(stop, Stops::Never);
        let (with, b) = run(stop, Stops::Once);
        let ratio =
            |percent| percentile(with.clone(), percent) / percentile(without.clone(), percent);
        ratios.0.push(ratio(50));
        ratios.1.push(ratio(99));
        p50.push(percentile(with.clone(), 50));
        p99.push(percentile(with, 99));
        peak = peak.max(a).max(b);
    }
    println!(
        "{:<28} {:>8.2} p50, {:.2} p99 of those with none stopped; p50 {:.0} us, p99 {:.0} us; {stop:?}, {pairs} pairs  (wanted: at most 1.2 and 2)",
        "tee, one of 5 sinks stopped",
        median(ratios.0),
        median(ratios.1),
        median(p50),
        median(p99),
    );
    println!(
        "{:<28} {:>8.1} MiB, and the stopped one has caught up exactly  (wanted: under 64)",
        "memory of that tee",
        peak as f64 / 1024.0
    );
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stops {
    Never,
    Once,
}

/// One run: the delays at the sinks that go on, in microseconds, and tee's peak memory in KiB.
fn run(stop: Duration, stops: Stops) -> (Vec<f64>, u64) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = tempfile::TempDir::new().unwrap();
    let paths: Vec<PathBuf> = (0..SINKS).map(|n| folder.path().join(n.to_string())).collect();
    for path in &paths {
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    }
    let mut child = Command::new(SPILE)
        .arg("tee")
        .args(&paths)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // tee opens its sinks in their order, and a FIFO only opens when both are there.
    let fifos: Vec<File> = paths.iter().map(|path| File::open(path).unwrap()).collect();
    let started = Instant::now();
    let (go_on, halt) = mpsc::channel();
    let mut halt = (stops == Stops::Once).then_some(halt);
    let read = |fifo| {
        let halt = halt.take();
        std::thread::spawn(move || reader(fifo, halt, started))
    };
    let readers: Vec<JoinHandle<Got>> = fifos.into_iter().map(read).collect();
    let mut stdin = child.stdin.take().unwrap();
    let mut written = Vec::new();
    let mut sum = Sum::default();
    for seq in 1..=u64::try_from((stop + 2 * WARM).as_millis()).unwrap() * RATE / 1000 {
        let due = Duration::from_micros(seq * 1_000_000 / RATE);
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        let line = event("status", "s", seq);
        sum.add(line.as_bytes());
        written.push(started.elapsed());
        stdin.write_all(line.as_bytes()).unwrap();
        if due == WARM + stop {
            let _ = go_on.send(());
        }
    }
    let peak = peak(&child);
    drop(stdin);
    let mut delays = Vec::new();
    for (n, reader) in readers.into_iter().enumerate() {
        let got = reader.join().unwrap();
        assert!(got.sum == sum, "sink {n} has not got exactly what was written");
        let delay = |(at, w): (&Duration, &Duration)| at.saturating_sub(*w).as_secs_f64() * 1e6;
        // Only what is written during the stop: to catch up may cost, and afterwards.
        let times = got.times.iter().zip(&written);
        let during = times.filter(|(_, w)| (WARM..WARM + stop).contains(*w));
        if n > 0 {
            delays.extend(during.map(delay));
        }
    }
    assert!(child.wait().unwrap().success());
    (delays, peak)
}

/// What a reader has got: when each line came, and what it all was.
struct Got {
    times: Vec<Duration>,
    sum: Sum,
}

/// How much it was, and a number that another content or order would change.
#[derive(Default, PartialEq, Eq)]
struct Sum {
    bytes: usize,
    hash: u64,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Reads all; one that halts reads nothing between its first line after the warming up and the word to go on.
fn reader(fifo: File, mut halt: Option<mpsc::Receiver<()>>, started: Instant) -> Got {
    let mut lines = BufReader::new(fifo);
    let mut got = Got { times: Vec::new(), sum: Sum::default() };
    let mut line = Vec::new();
    while lines.by_ref().read_until(b'\n', &mut line).unwrap() > 0 {
        got.times.push(started.elapsed());
        got.sum.add(&line);
        line.clear();
        if started.elapsed() >= WARM
            && let Some(halt) = halt.take()
        {
            halt.recv().unwrap();
        }
    }
    got
}

/// The peak of a running child's resident memory, in KiB.
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
