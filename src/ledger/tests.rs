//! SinkQueue under virtual time, against a store that is a map; the scenarios against the real store are in tests/it/ledger.rs.

mod any_outcome;
mod doubt;
mod outage;

use std::collections::BTreeMap;
use std::time::Duration;

use super::queue::{Change, Item, ProbeAnswer, SinkQueue, Step};
use super::row::is_open;
use super::{Ability, InDoubt, MAX_ASKED, Mark, Options, RowHead, State};
use crate::backoff::{SendOutcome, Wait};
use crate::time::Time;

/// Long after the beginning of time, in milliseconds.
const BEGIN: u64 = 1_800_000_000_000;

/// What outlives a crash: the rows with their streams, and the clock.
struct World {
    options: Options,
    rows: BTreeMap<u64, (String, RowHead)>,
    now: Time,
    /// Each row that was given to the sink, and when.
    given: Vec<(Time, u64)>,
}

impl World {
    /// The rows of these streams in this order, all planned now.
    fn new(options: Options, streams: &[&str]) -> Self {
        let now = Time::from_millis(BEGIN);
        let rows = (1..).zip(streams).map(|(position, stream)| {
            let head = RowHead {
                position,
                id: format!("{stream}/{position}"),
                state: State::Planned,
                mark: Mark::None,
                tries: 0,
                fails: 0,
                born: now,
                changed: now,
                not_before: Time::default(),
            };
            (position, ((*stream).to_owned(), head))
        });
        Self { options, rows: rows.collect(), now, given: Vec::new() }
    }

    fn row(&mut self, position: u64) -> &mut RowHead {
        &mut self.rows.get_mut(&position).unwrap().1
    }

    /// The states of all rows in their order.
    fn states(&self) -> Vec<(State, Mark)> {
        let rows = self.rows.values();
        rows.map(|(_, row)| (row.state, row.mark)).collect()
    }

    /// A process that begins: it knows the streams and nothing else.
    fn start(&self) -> SinkQueue {
        let mut queues = SinkQueue::new(self.options);
        for (stream, _) in self.rows.values() {
            queues.more(stream);
        }
        queues
    }

    /// Makes a transition durable.
    fn store(&mut self, change: &Change) {
        let row = self.row(change.row.position);
        let new = &change.row;
        (row.state, row.mark, row.tries) = (new.state, new.mark, new.tries);
        (row.changed, row.not_before) = (new.changed, new.not_before);
    }

    /// What the store answers to [`Step::Load`].
    fn load(&self, stream: &str, after: u64, most: usize) -> Vec<RowHead> {
        let open = self
            .rows
            .range(after + 1..)
            .filter(|(_, (s, row))| s == stream && is_open(row.state, row.mark));
        open.map(|(_, (_, row))| row.clone()).take(most).collect()
    }

    /// The next step that is not a matter of the store alone.
    fn next(&mut self, queues: &mut SinkQueue) -> Step {
        loop {
            match queues.next(self.now) {
                Step::Load(stream, after, most) => {
                    let rows = self.load(&stream, after, most);
                    queues.loaded(self.now, &stream, most, rows);
                }
                Step::Change(changes) => changes.iter().for_each(|c| self.store(c)),
                step => return step,
            }
        }
    }

    /// The rows of the next send; no other step may come.
    fn send(&mut self, queues: &mut SinkQueue) -> Vec<u64> {
        let step = self.next(queues);
        let Step::Send(items) = step else {
            panic!("{step:?} where something can be sent");
        };
        let rows = items.iter().filter_map(|item| match item {
            Item::Row(change) => Some(change),
            Item::Passing(_) => None,
        });
        let rows: Vec<u64> = rows
            .map(|change| {
                assert_eq!(change.row.state, State::Sending);
                self.store(change);
                change.row.position
            })
            .collect();
        self.given.extend(rows.iter().map(|at| (self.now, *at)));
        rows
    }

    fn end(&mut self, queues: &mut SinkQueue, position: u64, outcome: SendOutcome) {
        let change = queues.outcome(self.now, position, outcome);
        self.store(&change.expect("it is under way"));
    }

    /// Sends and waits until there is nothing to do, at most `steps` times; every delivery ends as `sink` says.
    fn drive(
        &mut self,
        queues: &mut SinkQueue,
        steps: usize,
        mut sink: impl FnMut(u64) -> SendOutcome,
    ) {
        for _ in 0..steps {
            match self.next(queues) {
                Step::Wait(until) => {
                    assert!(until > self.now, "a wait has an end");
                    self.now = until;
                }
                Step::Send(items) => self.give(queues, items, &mut sink),
                Step::Idle => return,
                step => panic!("{step:?} where no probe is configured"),
            }
        }
        panic!("it does not come to an end");
    }

    fn give(
        &mut self,
        queues: &mut SinkQueue,
        items: Vec<Item>,
        sink: &mut dyn FnMut(u64) -> SendOutcome,
    ) {
        for item in items {
            if let Item::Row(change) = item {
                self.store(&change);
                self.given.push((self.now, change.row.position));
                self.end(queues, change.row.position, sink(change.row.position));
            }
        }
    }

    fn positions(&self) -> Vec<u64> {
        self.given.iter().map(|(_, at)| *at).collect()
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn blind() -> Options {
    Options::default()
}

/// A sink at which a delivery in doubt can be settled.
fn able(ability: Ability) -> Options {
    Options { ability, batch: 64, ..Options::default() }
}

/// A sink that knows an id again for an hour.
fn idempotent() -> Options {
    able(Ability::Idempotent(secs(3600)))
}

fn retry() -> SendOutcome {
    SendOutcome::Retry(Wait::Failed, "busy".to_owned())
}

#[test]
fn the_wait_doubles_up_to_five_minutes() {
    let mut options = blind();
    options.tries = 13;
    let mut world = World::new(options, &["s", "s"]);
    let mut queues = world.start();
    world.drive(&mut queues, 1000, |_| retry());
    let times: Vec<Time> = world.given.iter().map(|(at, _)| *at).collect();
    let waits: Vec<u64> = times.windows(2).map(|w| w[1].since(w[0]).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    assert_eq!(world.positions(), [1; 13], "what stands behind it waits");
    assert_eq!(world.states()[0], (State::Planned, Mark::None), "the next run tries it again");
}

#[test]
fn who_asks_to_be_left_alone_has_not_failed() {
    let mut options = idempotent();
    options.tries = 1;
    let mut world = World::new(options, &["s"]);
    let mut queues = world.start();
    // Never sooner than our own wait, and an hour is the most that a sink can ask for.
    for (ask, wait) in [
        (secs(40), 40),
        (Duration::ZERO, 2),
        (secs(1), 4),
        (secs(7200), 3600),
        (Duration::MAX, 3600),
    ] {
        assert_eq!(world.send(&mut queues), [1]);
        world.end(&mut queues, 1, SendOutcome::Retry(Wait::Asked(ask), "429".to_owned()));
        assert_eq!(world.row(1).tries, 0);
        let until = world.now + secs(wait);
        assert_eq!(world.next(&mut queues), Step::Wait(until));
        world.now = until;
    }
    assert_eq!(world.send(&mut queues), [1]);
    world.end(&mut queues, 1, SendOutcome::Sent(None));
    assert_eq!(world.next(&mut queues), Step::Idle);
}

#[test]
fn with_a_pace_they_go_one_by_one() {
    let mut options = idempotent();
    options.pace = Duration::from_millis(250);
    let mut world = World::new(options, &["s", "t", "s", "t"]);
    let mut queues = world.start();
    world.drive(&mut queues, 100, |_| SendOutcome::Sent(None));
    let at = |n: u64| Time::from_millis(BEGIN + 250 * n);
    let want: Vec<(Time, u64)> = (0..4).map(|n| (at(n), n + 1)).collect();
    assert_eq!(world.given, want);
}

#[test]
fn a_batch_is_the_oldest_of_all_lanes() {
    let streams = ["s", "s", "t", "s", "u", "t"];
    let mut options = idempotent();
    options.batch = 4;
    let mut world = World::new(options, &streams);
    let mut queues = world.start();
    assert_eq!(world.send(&mut queues), [1, 2, 3, 4]);
    for at in 1..=4 {
        world.end(&mut queues, at, SendOutcome::Sent(None));
    }
    assert_eq!(world.send(&mut queues), [5, 6]);
    // Where nobody can tell afterwards, one at a time is in doubt.
    options.ability = Ability::Blind;
    let mut world = World::new(options, &streams);
    let mut queues = world.start();
    assert_eq!(world.send(&mut queues), [1]);
}

#[test]
fn a_lane_that_waits_holds_up_no_other() {
    let mut world = World::new(idempotent(), &["s", "t", "s", "t"]);
    let mut queues = world.start();
    assert_eq!(world.send(&mut queues), [1, 2, 3, 4]);
    world.end(&mut queues, 1, retry());
    world.end(&mut queues, 3, SendOutcome::NotTried);
    world.end(&mut queues, 2, SendOutcome::Sent(None));
    world.end(&mut queues, 4, retry());
    // What was not tried stands as before, and behind the first of its stream.
    assert_eq!(world.states()[2], (State::Planned, Mark::None));
    assert_eq!(world.row(3).tries, 0);
    assert_eq!(world.next(&mut queues), Step::Wait(world.now + secs(1)));
    world.now = world.now + secs(1);
    assert_eq!(world.send(&mut queues), [1, 3, 4]);
}

#[test]
fn a_stream_of_many_rows_is_loaded_as_it_goes() {
    let mut world = World::new(idempotent(), &["s"; 1000]);
    let mut queues = world.start();
    let (mut loads, mut most) = (0, 0);
    loop {
        match queues.next(world.now) {
            Step::Load(stream, after, asked) => {
                let rows = world.load(&stream, after, asked);
                (loads, most) = (loads + 1, most.max(asked));
                queues.loaded(world.now, &stream, asked, rows);
            }
            Step::Send(items) => {
                world.give(&mut queues, items, &mut |_| SendOutcome::Sent(None));
            }
            step => break assert_eq!(step, Step::Idle),
        }
    }
    assert_eq!(world.positions(), (1..=1000).collect::<Vec<u64>>());
    assert!(most <= 256 && loads >= 4, "{loads} of {most}");
}

#[test]
fn what_is_never_in_the_ledger_keeps_its_place_and_goes_once() {
    let mut world = World::new(idempotent(), &["s", "s"]);
    let mut queues = world.start();
    queues.pass("s", 0, b"first".to_vec());
    queues.pass("s", 1, b"between".to_vec());
    queues.pass("s", 2, b"last".to_vec());
    let Step::Send(items) = world.next(&mut queues) else {
        panic!("nothing is sent");
    };
    let short = |item: &Item| match item {
        Item::Row(change) => change.row.position.to_string(),
        Item::Passing(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    };
    let order: Vec<String> = items.iter().map(short).collect();
    assert_eq!(order, ["first", "1", "between", "2", "last"]);
    for at in [1, 2] {
        world.end(&mut queues, at, retry());
    }
    world.now = world.now + secs(1);
    assert_eq!(world.send(&mut queues), [1, 2]);
    // A mebibyte may wait in a queue; what is more is counted.
    queues.pass("s", 2, vec![b'x'; 1 << 20]);
    queues.pass("s", 2, b"y".to_vec());
    assert_eq!(queues.dropped, 1);
}

#[test]
fn an_outcome_is_for_what_is_under_way() {
    let mut world = World::new(idempotent(), &["s", "s"]);
    let mut queues = world.start();
    assert_eq!(queues.outcome(world.now, 1, SendOutcome::Sent(None)), None);
    assert_eq!(world.send(&mut queues), [1, 2]);
    queues.forget(1);
    assert_eq!(queues.outcome(world.now, 1, SendOutcome::Sent(None)), None);
    world.end(&mut queues, 2, SendOutcome::Sent(Some("receipt".to_owned())));
    assert_eq!(queues.outcome(world.now, 2, SendOutcome::Sent(None)), None);
    assert_eq!(world.next(&mut queues), Step::Idle);
}
