//! The delivery ledger against crash scenarios: the real queues and the real store, with a sink that only counts. A crash
//! drops everything that is in memory; what is on disk is opened again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::harness::skip;
use spile::backoff::SendOutcome;
use spile::ledger::{Ability, InDoubt, Mark, Options, ProbeAnswer, Row, State};
use spile::run::ledger::{Driver, Look, OwnedDelivery, Planned, Planning, Shared, Store, Task};
use spile::time::Time;

/// A day, as sinks that know an id again often promise.
pub const WINDOW: Duration = Duration::from_secs(24 * 3600);

/// A sink that counts, and remembers what its kind remembers.
#[derive(Default)]
pub struct Channel {
    pub effect: BTreeMap<String, u64>,
    pub order: Vec<String>,
    /// When each arrived, and what was said.
    pub arrived: Vec<(Time, String)>,
    pub dedupes: bool,
}

impl Channel {
    pub fn apply(&mut self, now: Time, delivery: &OwnedDelivery) {
        let Some(id) = &delivery.id else { return };
        let text = String::from_utf8(delivery.bytes.clone()).unwrap();
        let count = self.effect.entry(id.clone()).or_default();
        if self.dedupes && *count > 0 {
            return;
        }
        *count += 1;
        self.order.push(id.clone());
        self.arrived.push((now, text));
    }
}

/// The world that outlives a crash: the disk, the sink and the clock.
pub struct World {
    _folder: tempfile::TempDir,
    pub path: PathBuf,
    pub channel: Channel,
    pub now: Time,
    pub options: Options,
    pub asked: Vec<String>,
}

/// One process: what is lost in a crash.
pub struct Process {
    pub shared: Shared,
    pub planning: Planning,
    pub driver: Driver,
    pub sink: i64,
}

impl World {
    pub fn new(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.db");
        let channel = Channel {
            dedupes: matches!(options.ability, Ability::Idempotent(_)),
            ..Channel::default()
        };
        Self {
            _folder: folder,
            path,
            channel,
            now: Time::from_millis(1_780_000_000_000),
            options,
            asked: Vec::new(),
        }
    }

    pub fn blind(in_doubt: InDoubt) -> Self {
        Self::new(Options { in_doubt, ..Options::default() })
    }

    pub fn start(&self) -> Process {
        self.try_start().unwrap()
    }

    pub fn try_start(&self) -> anyhow::Result<Process> {
        let mut store = Store::open(&self.path)?;
        let sink = store.sink("sink")?;
        let shared = Shared::new(store);
        Ok(Process {
            planning: Planning::new(shared.clone()),
            driver: Driver::open(shared.clone(), sink, self.options)?,
            shared,
            sink,
        })
    }

    /// Runs a process to where it waits for nothing but a person or new input. `says` decides what the sink does with a
    /// delivery before it is applied: `None` applies it.
    pub fn drive(
        &mut self,
        process: &mut Process,
        mut says: impl FnMut(&str) -> Option<SendOutcome>,
    ) {
        for _ in 0..10_000 {
            match process.driver.next(self.now).unwrap() {
                Task::Idle => return,
                Task::Wait(until) => self.now = until,
                Task::Probe(questions) => {
                    for q in questions {
                        let id = q.id.unwrap();
                        let there = self.channel.effect.contains_key(&id);
                        self.asked.push(id);
                        let answer = if there { ProbeAnswer::Sent } else { ProbeAnswer::NotSent };
                        process.driver.answered(self.now, q.position.unwrap(), answer);
                    }
                }
                Task::Send(deliveries) => {
                    let mut stopped = false;
                    for delivery in deliveries {
                        let outcome = match delivery.id.as_deref().filter(|_| !stopped) {
                            Some(id) => says(id),
                            None => Some(SendOutcome::NotTried),
                        };
                        if outcome.is_none() {
                            self.channel.apply(self.now, &delivery);
                        }
                        stopped |= outcome.is_some();
                        if let Some(position) = delivery.position {
                            let outcome = outcome.unwrap_or(SendOutcome::Sent(None));
                            process.driver.outcome(self.now, position, outcome);
                        }
                    }
                }
            }
        }
        panic!("it never comes to rest");
    }

    /// A whole run: plan this, send what can be sent.
    pub fn run(&mut self, lines: &[String]) -> Planned {
        let mut process = self.start();
        let planned = self.plan(&mut process, lines).unwrap();
        self.drive(&mut process, |_| None);
        planned
    }

    pub fn plan(&self, process: &mut Process, lines: &[String]) -> anyhow::Result<Planned> {
        let lines: Vec<(String, Vec<i64>)> =
            lines.iter().map(|line| (line.clone(), vec![process.sink])).collect();
        let mut planned = process.planning.plan(self.now, &lines)?;
        for news in std::mem::take(&mut planned.news).into_values() {
            process.driver.take(news);
        }
        Ok(planned)
    }

    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let look = Look::open(&self.path).unwrap();
        look.every(|found| {
            rows.extend(found);
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
        rows
    }

    pub fn row(&self, id: &str) -> Row {
        let row = self.rows().into_iter().find(|row| row.id == id);
        row.unwrap_or_else(|| panic!("no row {id}"))
    }

    pub fn state(&self, id: &str) -> State {
        self.row(id).state
    }

    /// Lets the disk fail where this condition holds of a row that is written.
    pub fn break_disk(&self, when: &str) {
        self.sql(&format!(
            "CREATE TRIGGER i BEFORE INSERT ON delivery WHEN {when} BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END;
             CREATE TRIGGER u BEFORE UPDATE ON delivery WHEN {when} BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END;"
        ));
    }

    pub fn mend_disk(&self) {
        self.sql("DROP TRIGGER i; DROP TRIGGER u;");
    }

    pub fn sql(&self, sql: &str) {
        let db = rusqlite::Connection::open(&self.path).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        db.execute_batch(sql).unwrap();
    }
}

/// Part `n` of block `b1` of the first turn of `stream`.
pub fn part(stream: &str, n: u64, text: &str, last: bool) -> String {
    let seq = n + 5;
    format!(
        r#"{{"v":1,"type":"block_final","stream":"{stream}","turn":1,"seq":{seq},"ts":"2026-05-28T20:26:40.000Z","block":"b1","kind":"answer","text":"{text}","part":{n},"last":{last},"delivery_id":"{stream}/1/b1/{n}"}}"#
    )
}

/// A status of this number.
pub fn status(stream: &str, seq: u64, message: &str) -> String {
    format!(
        r#"{{"v":1,"type":"status","stream":"{stream}","seq":{seq},"ts":"2026-05-28T20:26:40.000Z","kind":"info","message":"{message}"}}"#
    )
}

/// The plan of the cases: c0, c1 and c2.
pub fn plan(stream: &str) -> Vec<String> {
    (0..3).map(|n| part(stream, n, &format!("text {n} of {stream}"), n == 2)).collect()
}

/// The delivery id of `c<n>`.
pub fn id(stream: &str, n: u64) -> String {
    format!("{stream}/1/b1/{n}")
}

pub fn cases() -> Option<Vec<serde_json::Value>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/cases/ledger.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        skip("no crash scenarios at ../shared/cases/ledger.json");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// Runs a process until this instant and drops it there.
fn crash(world: &mut World, instant: &str) {
    let lines = plan("s");
    let mut process = world.start();
    if instant == "before planned is durable" {
        world.break_disk("NEW.part = 2");
        assert!(world.plan(&mut process, &lines).is_err());
        drop(process);
        return world.mend_disk();
    }
    world.plan(&mut process, &lines).unwrap();
    if instant.starts_with("after planned") {
        return;
    }
    if instant.starts_with("after sent(c2)") {
        return world.drive(&mut process, |_| None);
    }
    let Task::Send(deliveries) = process.driver.next(world.now).unwrap() else {
        panic!("nothing is sent");
    };
    assert_eq!(world.state(&id("s", 0)), State::Sending);
    match instant {
        "after sending(c0) durable, before the request leaves"
        | "after the request left, before the sink applied it" => {}
        "after the sink applied it, before the response" => {
            world.channel.apply(world.now, &deliveries[0]);
        }
        "after the response, before sent(c0) is durable" => {
            world.channel.apply(world.now, &deliveries[0]);
            let position = deliveries[0].position.unwrap();
            process.driver.outcome(world.now, position, SendOutcome::Sent(None));
        }
        "after sent(c0) durable, before sending(c1)" => {
            world.channel.apply(world.now, &deliveries[0]);
            let position = deliveries[0].position.unwrap();
            process.driver.outcome(world.now, position, SendOutcome::Sent(None));
            process.driver.commit().unwrap();
        }
        other => panic!("no such instant: {other}"),
    }
}

/// A sink at which deliveries in doubt can be settled, and so several can be under way.
pub fn able(ability: Ability) -> Options {
    Options { ability, batch: 64, ..Options::default() }
}

/// The worlds in which a case is played: with one delivery under way, and with several where that is possible.
fn worlds(case: &serde_json::Value) -> Vec<World> {
    let options = match case["policy"].as_str().unwrap() {
        "auto" => able(Ability::Idempotent(WINDOW)),
        "reconcile" => able(Ability::Probed),
        "resend" => return vec![World::blind(InDoubt::Resend)],
        "hold" => return vec![World::blind(InDoubt::Hold)],
        "skip" => return vec![World::blind(InDoubt::Skip)],
        other => panic!("no such policy: {other}"),
    };
    [1, 64].map(|batch| World::new(Options { batch, ..options })).into()
}

fn short(id: &str) -> String {
    format!("c{}", id.rsplit('/').next().unwrap())
}

/// Holds what came of a case against what was expected.
fn compare(world: &mut World, process: &Process, case: &serde_json::Value) {
    let expected = case["expected"].as_object().unwrap();
    for (key, want) in expected {
        match key.as_str() {
            "sink_effect" => {
                for (c, want) in want.as_object().unwrap() {
                    let id = id("s", c[1..].parse().unwrap());
                    let got = world.channel.effect.get(&id).copied().unwrap_or_default();
                    assert_eq!(Some(got), want.as_u64(), "{c}: {case:#}");
                }
            }
            "duplicates" => {
                let extra: u64 = world.channel.effect.values().map(|n| n - 1).sum();
                assert_eq!(Some(extra), want.as_u64(), "{case:#}");
            }
            "marked" => {
                assert_eq!(want, "replayed_ambiguous");
                assert_eq!(world.row(&id("s", 0)).mark, Mark::Resent, "{case:#}");
            }
            "state" => {
                for (c, want) in want.as_object().unwrap() {
                    let row = world.row(&id("s", c[1..].parse().unwrap()));
                    let mark = match want.as_str().unwrap() {
                        "unknown" => Mark::None,
                        "unknown_skipped" => Mark::Skipped,
                        other => panic!("{other}"),
                    };
                    assert_eq!((row.state, row.mark), (State::Unknown, mark), "{case:#}");
                }
            }
            "exit" => {
                let held: Vec<&str> =
                    process.driver.queues.held().map(|(_, row, _)| row.id.as_str()).collect();
                assert_eq!(held, [id("s", 0)], "{case:#}");
                assert!(process.shared.lock().owed(process.sink).unwrap() > 0);
            }
            "reconcile_calls" => {
                let first = world.asked.first().map(|id| short(id));
                let want: Vec<&str> =
                    want.as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
                if world.options.batch == 1 {
                    let all: Vec<String> = world.asked.iter().map(|id| short(id)).collect();
                    assert_eq!(all, want, "{case:#}");
                }
                // With several under way each of them is in doubt, and each is asked for.
                assert_eq!(first.as_deref(), want.first().copied(), "{case:#}");
            }
            other => panic!("nobody compares {other}"),
        }
    }
    let in_order = world.channel.order.is_sorted();
    assert!(
        in_order || !world.channel.effect.values().all(|n| *n == 1),
        "{:?}",
        world.channel.order
    );
}

#[test]
fn the_crash_matrix() {
    let Some(cases) = cases() else { return };
    let mut played = 0;
    for case in cases.iter().filter(|case| case["crash"].is_string()) {
        for mut world in worlds(case) {
            crash(&mut world, case["crash"].as_str().unwrap());
            let mut process = world.start();
            world.plan(&mut process, &plan("s")).unwrap();
            world.drive(&mut process, |_| None);
            compare(&mut world, &process, case);
            if case["expected"].get("exit").is_some() {
                drop(process);
                a_person_decides(&mut world);
            }
        }
        played += 1;
    }
    assert_eq!(played, 40);
}

/// What is held goes on when a person has said so, and not before.
fn a_person_decides(world: &mut World) {
    use spile::run::ledger::Resolve;
    let before = world.channel.order.len();
    world.run(&plan("s"));
    assert_eq!(world.channel.order.len(), before, "it waits for a person");
    let to = if before == 0 { Resolve::Retry } else { Resolve::Forget };
    let mut store = Store::open(&world.path).unwrap();
    assert_eq!(store.resolve(world.now, Some(&[id("s", 0)]), to).unwrap(), 1);
    drop(store);
    world.run(&plan("s"));
    let want: Vec<String> = (0..3).map(|n| id("s", n)).collect();
    assert_eq!(world.channel.order, want);
}
