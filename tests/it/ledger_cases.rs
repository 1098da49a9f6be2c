//! The crash scenarios that other projects met, each against the real queues and the real store.

mod ids;

use std::cell::RefCell;
use std::time::Duration;

use spile::backoff::{SendOutcome, Wait};
use spile::ledger::{Ability, Change, Held, InDoubt, Mark, Options, RowHead, State};
use spile::run::ledger::{News, Passing, Resolve, Store, Task};
use spile::time::Time;

use crate::ledger::{Process, WINDOW, World, able, cases, id, plan};

type Play = fn();

/// The scenarios by name; one that is missing here fails.
const PLAYS: &[(&str, Play)] = &[
    ("second chunk fails after the first was sent", second_fails),
    ("failure proven before connect (DNS, refused) clears send evidence", proven_failure),
    ("failure marked by the provider as not dispatched (4xx body, 429)", rate_limited),
    ("a best-effort batch sent in part is not acked", second_fails),
    ("max retries", max_retries),
    ("permanent error stops retries at once", permanent_error),
    ("replay is paced", paced),
    ("recovery has a time budget, tail is deferred without raising its retry count", budget),
    ("an entry in backoff does not block the ready ones behind it (other lane)", backoff_of_queues),
    ("an entry in backoff DOES block later chunks of its own lane", backoff_of_queues),
    ("deadline overflow (huge max-recovery) is clamped", overflow),
    ("ack is idempotent", acked_twice),
    ("stale ack does not remove a failed entry", stale_ack),
    ("status and entry are updated atomically", atomic),
    ("second process on the same ledger", second_process),
    ("startup snapshot is stale: another drain already sent it", stale_snapshot),
    ("reconnect drain does not bypass backoff for ordinary errors", backoff_after_restart),
    ("torn last record (truncate at every byte)", crate::ledger_damage::torn),
    ("bit flip in the middle", crate::ledger_damage::flipped_row),
    ("fsync fails (EIO)", disk_fails_while_sending),
    ("disk full on sending checkpoint", disk_fails_while_sending),
    ("disk full on sent checkpoint", disk_fails_when_sent),
    ("same delivery id with other content", ids::other_content),
    ("config changed between runs (limit 2000 -> 4096)", ids::other_configuration),
    ("chunk older than --max-age", ids::too_old),
    ("clock goes backwards", ids::clock_back),
    ("replay of a turn already complete", ids::replayed),
    ("input replayed from the start after a crash (at-least-once source)", ids::replayed),
    ("identical text in two chunks of one turn", ids::same_text),
];

#[test]
fn the_scenarios_of_others() {
    let Some(cases) = cases() else { return };
    let mut played = 0;
    for case in cases.iter().filter(|case| !case["crash"].is_string()) {
        let name = case["name"].as_str().unwrap();
        let play = PLAYS.iter().find(|(n, _)| *n == name);
        let (_, play) = play.unwrap_or_else(|| panic!("nobody plays {name:?}"));
        play();
        played += 1;
    }
    eprintln!("{played} scenarios beside the 40 of the matrix; 0 left out");
    assert_eq!(played, 29);
}

fn idempotent() -> World {
    World::new(able(Ability::Idempotent(WINDOW)))
}

fn begin(world: &World, lines: &[String]) -> Process {
    let mut process = world.start();
    world.plan(&mut process, lines).unwrap();
    process
}

fn retry() -> Option<SendOutcome> {
    Some(SendOutcome::Retry(Wait::Failed, "no connection".to_owned()))
}

/// One step: what is sent, with these outcomes; the ids.
fn step(world: &mut World, process: &mut Process, outcomes: &[SendOutcome]) -> Vec<String> {
    let Task::Send(deliveries) = process.driver.next(world.now).unwrap() else {
        panic!("nothing is sent");
    };
    let mut outcomes = outcomes.iter().cloned();
    for delivery in &deliveries {
        let outcome = outcomes.next().unwrap_or(SendOutcome::NotTried);
        if matches!(outcome, SendOutcome::Sent(_)) {
            world.channel.apply(world.now, delivery);
        }
        process.driver.outcome(world.now, delivery.position.unwrap(), outcome);
    }
    process.driver.commit().unwrap();
    deliveries.into_iter().filter_map(|p| p.id).collect()
}

fn second_fails() {
    let mut world = idempotent();
    let mut process = begin(&world, &plan("s"));
    step(&mut world, &mut process, &[SendOutcome::Sent(None), retry().unwrap()]);
    let states = [0, 1, 2].map(|n| world.state(&id("s", n)));
    assert_eq!(states, [State::Sent, State::Planned, State::Planned]);
    assert_eq!(world.row(&id("s", 2)).tries, 0, "it was not tried");
    drop(process);
    world.run(&plan("s"));
    assert_eq!(world.channel.order, [0, 1, 2].map(|n| id("s", n)));
    assert!(world.channel.effect.values().all(|n| *n == 1));
}

fn proven_failure() {
    for in_doubt in [InDoubt::Hold, InDoubt::Resend, InDoubt::Skip] {
        let mut world = World::blind(in_doubt);
        let mut process = begin(&world, &plan("s"));
        step(&mut world, &mut process, &[retry().unwrap()]);
        assert_eq!(world.state(&id("s", 0)), State::Planned);
        drop(process);
        world.run(&plan("s"));
        assert_eq!(world.channel.order.len(), 3);
        assert!(world.rows().iter().all(|row| row.mark == Mark::None));
    }
}

fn rate_limited() {
    let mut world = World::blind(InDoubt::Hold);
    let mut process = begin(&world, &plan("s"));
    let wait = Duration::from_secs(40);
    let limited = SendOutcome::Retry(Wait::Asked(wait), "429".to_owned());
    step(&mut world, &mut process, &[limited]);
    let row = world.row(&id("s", 0));
    assert_eq!((row.state, row.tries), (State::Planned, 0));
    assert_eq!(process.driver.next(world.now).unwrap(), Task::Wait(world.now + wait));
}

fn max_retries() {
    for (outcome, state) in [
        (retry().unwrap(), State::Planned),
        (SendOutcome::Unknown(Wait::Failed, "no answer".to_owned()), State::Sending),
    ] {
        let mut world = idempotent();
        let mut process = begin(&world, &plan("s"));
        let tries = RefCell::new(0);
        world.drive(&mut process, |_| {
            *tries.borrow_mut() += 1;
            Some(outcome.clone())
        });
        assert_eq!(tries.into_inner(), Options::TRIES);
        let row = world.row(&id("s", 0));
        assert_eq!(row.state, state);
        assert!(row.note.starts_with("no "), "{}", row.note);
        let held: Vec<Held> = process.driver.queues.held().map(|(.., why)| why).collect();
        assert_eq!(held, [Held::NextRun], "and the next run tries it again");
    }
}

fn permanent_error() {
    for (in_doubt, goes_on) in [(InDoubt::Hold, false), (InDoubt::Skip, true)] {
        let mut world = World::blind(in_doubt);
        let lines = [plan("s"), plan("t")].concat();
        let mut process = begin(&world, &lines);
        let mut tries = 0;
        world.drive(&mut process, |what| {
            let refused = what == id("s", 0);
            tries += u32::from(refused);
            refused.then(|| SendOutcome::Failed("400 bad request".to_owned()))
        });
        assert_eq!(tries, 1);
        assert_eq!(world.state(&id("s", 0)), State::Failed);
        let ours = world.channel.order.iter().filter(|id| id.starts_with('s'));
        assert_eq!(ours.count(), if goes_on { 2 } else { 0 });
        let others = world.channel.order.iter().filter(|id| id.starts_with('t'));
        assert_eq!(others.count(), 3, "other queues go on");
    }
}

fn paced() {
    let mut world = idempotent();
    world.options.pace = Duration::from_millis(250);
    world.run(&plan("s"));
    let times: Vec<Time> = world.channel.arrived.iter().map(|(t, _)| *t).collect();
    assert!(times.windows(2).all(|w| w[1].since(w[0]) >= Duration::from_millis(250)), "{times:?}");
    rate_limited();
}

fn budget() {
    let mut world = World::blind(InDoubt::Hold);
    let mut process = begin(&world, &plan("s"));
    step(&mut world, &mut process, &[SendOutcome::Sent(None)]);
    drop(process);
    for n in [1, 2] {
        let row = world.row(&id("s", n));
        assert_eq!((row.state, row.tries), (State::Planned, 0));
    }
}

fn backoff_of_queues() {
    let mut world = idempotent();
    let lines: Vec<String> =
        plan("s").into_iter().zip(plan("t")).flat_map(|(a, b)| [a, b]).collect();
    let mut process = begin(&world, &lines);
    step(&mut world, &mut process, &[retry().unwrap()]);
    let sent = step(
        &mut world,
        &mut process,
        &[SendOutcome::Sent(None), SendOutcome::Sent(None), SendOutcome::Sent(None)],
    );
    assert_eq!(sent, [0, 1, 2].map(|n| id("t", n)), "the other queue goes, its own waits");
    assert!(matches!(process.driver.next(world.now).unwrap(), Task::Wait(_)));
}

fn overflow() {
    let mut world = idempotent();
    world.options.max_age = Some(Duration::MAX);
    world.options.pace = Duration::MAX;
    world.options.tries = u32::MAX;
    let mut process = begin(&world, &plan("s"));
    let endless = SendOutcome::Retry(Wait::Asked(Duration::MAX), "later".to_owned());
    step(&mut world, &mut process, &[endless]);
    assert!(matches!(process.driver.next(world.now).unwrap(), Task::Wait(_)));
}

fn change(world: &World, id: &str, state: State) -> Change {
    let row = world.row(id).head();
    Change { row: RowHead { state, changed: world.now, ..row }, note: None }
}

fn acked_twice() {
    let mut world = idempotent();
    world.run(&plan("s"));
    let before = world.row(&id("s", 0));
    let ack = change(&world, &id("s", 0), State::Sent);
    let mut store = Store::open(&world.path).unwrap();
    store.begin(&[ack.clone(), ack], &[]).unwrap();
    assert_eq!(world.row(&id("s", 0)), before);
}

fn stale_ack() {
    let mut world = World::blind(InDoubt::Hold);
    let mut process = begin(&world, &plan("s"));
    step(&mut world, &mut process, &[SendOutcome::Failed("400".to_owned())]);
    drop(process);
    let ack = change(&world, &id("s", 0), State::Sent);
    let mut store = Store::open(&world.path).unwrap();
    store.begin(&[ack], &[]).unwrap();
    assert_eq!(world.state(&id("s", 0)), State::Failed);
    assert_eq!(store.resolve(world.now, None, Resolve::Retry).unwrap(), 1);
    drop(store);
    world.run(&plan("s"));
    assert_eq!(world.state(&id("s", 0)), State::Sent, "by a person's word only");
}

fn atomic() {
    let world = idempotent();
    drop(begin(&world, &plan("s")));
    let changes = [0, 1].map(|n| change(&world, &id("s", n), State::Expired));
    let mut store = Store::open(&world.path).unwrap();
    world.break_disk("NEW.part = 1");
    assert!(store.begin(&changes, &[]).is_err());
    world.mend_disk();
    assert_eq!([0, 1].map(|n| world.state(&id("s", n))), [State::Planned; 2]);
}

fn second_process() {
    let world = idempotent();
    let process = begin(&world, &plan("s"));
    let refused = world.try_start().err().unwrap().to_string();
    let me = format!("in use by process {}", std::process::id());
    assert!(refused.contains(&me), "{refused}");
    assert_eq!(world.rows().len(), 3, "it can be looked at meanwhile");
    drop(process);
    drop(world.start());
}

fn stale_snapshot() {
    let mut world = World::blind(InDoubt::Hold);
    let mut other = World::blind(InDoubt::Hold);
    drop(begin(&world, &plan("s")));
    drop(begin(&other, &plan("s")));
    let mut process = world.start();
    // It has looked at its rows, and is about to send; then another one's work appears in the ledger.
    let line = Passing { stream: "s".to_owned(), after: 0, line: "{}".to_owned() };
    process.driver.take(News { passing: vec![line], ..News::default() });
    assert!(matches!(process.driver.next(world.now).unwrap(), Task::Send(_)));
    let mut theirs = other.start();
    step(&mut other, &mut theirs, &[SendOutcome::Sent(None)]);
    drop(theirs);
    world.sql(&format!(
        "ATTACH '{}' AS other; UPDATE main.delivery SET (state, mark, tries, changed, not_before, note, line, open, hash) =
         (SELECT state, mark, tries, changed, not_before, note, line, open, hash FROM other.delivery o
          WHERE o.position = main.delivery.position) WHERE part = 0;",
        other.path.display()
    ));
    world.drive(&mut process, |_| None);
    assert_eq!(world.channel.order, [1, 2].map(|n| id("s", n)), "c0 is not sent again");
}

fn backoff_after_restart() {
    let mut world = idempotent();
    let mut process = begin(&world, &plan("s"));
    step(&mut world, &mut process, &[retry().unwrap()]);
    drop(process);
    let mut process = begin(&world, &plan("s"));
    let until = world.row(&id("s", 0)).not_before;
    assert!(until > world.now);
    assert_eq!(process.driver.next(world.now).unwrap(), Task::Wait(until));
}

fn disk_fails_while_sending() {
    let mut world = World::blind(InDoubt::Hold);
    let mut process = begin(&world, &plan("s"));
    step(&mut world, &mut process, &[SendOutcome::Sent(None)]);
    world.break_disk("NEW.state = 'sending'");
    assert!(process.driver.next(world.now).is_err());
    world.mend_disk();
    let again = process.driver.next(world.now).unwrap_err();
    assert!(format!("{again:#}").contains("nothing more is sent"), "{again:#}");
    assert_eq!(world.channel.order.len(), 1);
    drop(process);
    world.run(&plan("s"));
    assert_eq!(world.channel.order.len(), 3);
}

fn disk_fails_when_sent() {
    let mut world = World::blind(InDoubt::Hold);
    let mut process = begin(&world, &plan("s"));
    let Task::Send(deliveries) = process.driver.next(world.now).unwrap() else { panic!() };
    world.channel.apply(world.now, &deliveries[0]);
    process.driver.outcome(world.now, deliveries[0].position.unwrap(), SendOutcome::Sent(None));
    world.break_disk("NEW.state = 'sent'");
    assert!(process.driver.next(world.now).is_err());
    world.mend_disk();
    assert!(process.driver.next(world.now).is_err(), "nothing more is sent");
    assert_eq!(world.state(&id("s", 0)), State::Sending);
    drop(process);
    world.run(&plan("s"));
    assert_eq!(world.state(&id("s", 0)), State::Unknown);
}
