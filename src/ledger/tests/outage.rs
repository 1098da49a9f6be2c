//! A sink that cannot be reached for a time: its deliveries keep their tries, and arrive when it is there again.

use super::*;
use crate::backoff::Wait;

/// A sink that is away for so long from the beginning, and counts what it is asked.
struct Outage {
    until: Time,
    asked: Vec<Time>,
}

impl Outage {
    /// Drives the queues until nothing is left; `fails` is what the sink gives while it is away.
    fn drive(&mut self, world: &mut World, queues: &mut SinkQueue, fails: &SendOutcome) {
        for _ in 0..100_000 {
            match world.next(queues) {
                Step::Wait(until) => world.now = until,
                Step::Send(items) => {
                    let mut stopped = false;
                    for item in items {
                        let Item::Row(change) = item else { continue };
                        world.store(&change);
                        let outcome = match () {
                            () if stopped => SendOutcome::NotTried,
                            () if world.now < self.until => fails.clone(),
                            () => SendOutcome::Sent(None),
                        };
                        if !stopped {
                            self.asked.push(world.now);
                        }
                        stopped |= outcome == *fails;
                        world.end(queues, change.row.position, outcome);
                    }
                }
                Step::Idle => return,
                step => panic!("{step:?}"),
            }
        }
        panic!("it does not come to an end");
    }
}

#[test]
fn an_outage_of_ten_minutes_is_caught_up_when_it_ends() {
    for fails in [
        SendOutcome::Retry(Wait::Down, "refused".to_owned()),
        SendOutcome::Unknown(Wait::Down, "cut off".to_owned()),
        SendOutcome::Retry(Wait::Asked(Duration::ZERO), "429".to_owned()),
        SendOutcome::Retry(Wait::Asked(secs(3)), "429".to_owned()),
    ] {
        let mut world = World::new(idempotent(), &["s", "t", "s", "t", "u"]);
        let begin = world.now;
        let mut outage = Outage { until: begin + secs(600), asked: Vec::new() };
        let mut queues = world.start();
        outage.drive(&mut world, &mut queues, &fails);
        assert!(world.states().iter().all(|state| *state == (State::Sent, Mark::None)));
        assert!(world.rows.values().all(|(_, row)| row.tries == 0), "tries count answers");
        // One call at a time, each after the wait of the sink and not of its five deliveries.
        let away: Vec<u64> = outage.asked.iter().map(|at| at.since(begin).as_secs()).collect();
        let away: Vec<u64> = away.into_iter().filter(|at| *at < 600).collect();
        assert!(away.windows(2).skip(2).all(|w| (3..=5).contains(&(w[1] - w[0]))), "{away:?}");
        assert!(world.now.since(outage.until) <= secs(5), "{:?}", world.now.since(begin));
    }
}

#[test]
fn the_next_run_tries_again_what_has_had_its_tries() {
    for fails in [retry(), SendOutcome::Unknown(Wait::Failed, "500".to_owned())] {
        let mut world = World::new(idempotent(), &["s", "s"]);
        let mut queues = world.start();
        let mut away = Outage { until: world.now + secs(1_000_000), asked: Vec::new() };
        away.drive(&mut world, &mut queues, &fails);
        assert_eq!(away.asked.len(), 5);
        assert_eq!(queues.held_count(), 1);
        let mut queues = world.start();
        world.drive(&mut queues, 100, |_| SendOutcome::Sent(None));
        assert_eq!(world.states(), [(State::Sent, Mark::None); 2]);
    }
}

#[test]
fn a_stream_whose_deliveries_fail_does_not_hold_up_the_others() {
    let streams: Vec<&str> = std::iter::once("bad").chain(["good"; 20]).collect();
    let mut world = World::new(idempotent(), &streams);
    let mut queues = world.start();
    let begin = world.now;
    for _ in 0..1000 {
        match world.next(&mut queues) {
            Step::Wait(until) => world.now = until,
            Step::Send(items) => {
                let mut stopped = false;
                for item in items {
                    let Item::Row(change) = item else { continue };
                    world.store(&change);
                    let outcome = match change.row.position {
                        _ if stopped => SendOutcome::NotTried,
                        // It takes the endpoint down each time that it comes.
                        1 => SendOutcome::Unknown(Wait::Down, "cut off".to_owned()),
                        _ => SendOutcome::Sent(None),
                    };
                    stopped |= !matches!(outcome, SendOutcome::Sent(_));
                    world.end(&mut queues, change.row.position, outcome);
                }
            }
            step => panic!("{step:?}"),
        }
        if world.states()[1..].iter().all(|(state, _)| *state == State::Sent) {
            assert!(world.now.since(begin) <= secs(5));
            return;
        }
    }
    panic!("the other stream is held up");
}

#[test]
fn ten_thousand_streams_cost_what_their_rows_cost() {
    let names: Vec<String> = (0..10_000).map(|n| format!("s{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new(idempotent(), &names);
    let mut queues = SinkQueue::new(world.options);
    for name in &names {
        queues.more(name);
    }
    let (mut sent, mut steps) = (0, 0);
    loop {
        steps += 1;
        match queues.next(world.now) {
            Step::Load(stream, after, asked) => {
                let n: u64 = stream[1..].parse().unwrap();
                let row = world.row(n + 1).clone();
                let rows = if after == 0 { vec![row] } else { Vec::new() };
                queues.loaded(world.now, &stream, asked, rows);
            }
            Step::Send(items) => {
                sent += items.len();
                world.give(&mut queues, items, &mut |_| SendOutcome::Sent(None));
            }
            step => break assert_eq!(step, Step::Idle),
        }
    }
    assert_eq!(sent, 10_000);
    assert!(steps < 11_000, "{steps} steps");
    assert_eq!(queues.queues_in_use(), 0, "what has nothing is let go");
}
