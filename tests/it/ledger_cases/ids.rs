//! What the ids of deliveries are good for: another content, another configuration, another run, the same again.

use std::time::Duration;

use spile::backoff::SendOutcome;
use spile::ledger::{InDoubt, State};
use spile::run::ledger::Task;
use spile::time::Time;

use super::{begin, idempotent, retry, step};
use crate::ledger::{World, id, part, plan, status};

pub fn other_content() {
    let mut world = idempotent();
    let first = status("s", 1, "the run");
    world.run(&[first.clone(), status("s", 2, "one")]);
    let planned = world.run(&[first, status("s", 2, "another")]);
    assert_eq!(planned.messages.len(), 1);
    assert!(
        planned.messages[0].contains("s/2: the ledger has another event"),
        "{:?}",
        planned.messages
    );
    assert_eq!(world.channel.order, ["s/1", "s/2"]);
}

pub fn other_configuration() {
    let mut world = World::blind(InDoubt::Hold);
    let mut process = begin(&world, &plan("s"));
    step(&mut world, &mut process, &[SendOutcome::Sent(None)]);
    drop(process);
    // Fewer and longer parts of the same block, then a block that is new.
    let new = part("s", 0, "a later block", true).replace("b1", "b2");
    let other = [part("s", 0, "text 0 of s, and 1", false), part("s", 1, "and 2", true), new];
    let planned = world.run(&other);
    assert_eq!(planned.messages.len(), 1, "{:?}", planned.messages);
    assert!(planned.messages[0].contains("was cut otherwise"), "{:?}", planned.messages);
    let texts: Vec<&String> = world.channel.arrived.iter().map(|(_, text)| text).collect();
    assert_eq!(texts.len(), 4);
    for (text, want) in texts.iter().zip(plan("s")) {
        assert_eq!(**text, want, "the stored plan is sent");
    }
    assert!(texts[3].contains("a later block"));
}

pub fn too_old() {
    let mut world = idempotent();
    world.options.max_age = Some(Duration::from_secs(3600));
    drop(begin(&world, &plan("s")));
    world.now = world.now + Duration::from_secs(15 * 3600);
    world.run(&plan("s"));
    assert_eq!(world.channel.order.len(), 0);
    assert!(world.rows().iter().all(|row| row.state == State::Expired));
}

pub fn clock_back() {
    let mut world = idempotent();
    world.options.max_age = Some(Duration::from_secs(3600));
    let mut process = begin(&world, &plan("s"));
    step(&mut world, &mut process, &[retry().unwrap()]);
    drop(process);
    world.now = Time::from_millis(1_000_000_000_000);
    let before = world.now;
    world.run(&plan("s"));
    assert_eq!(world.channel.order.len(), 3, "nothing waits for ever");
    assert!(world.now.since(before) <= Duration::from_secs(3600));
}

pub fn replayed() {
    let mut world = idempotent();
    let mut process = begin(&world, &plan("s"));
    step(&mut world, &mut process, &[SendOutcome::Sent(None)]);
    drop(process);
    world.run(&plan("s"));
    assert_eq!(world.channel.order.len(), 3);
    for _ in 0..3 {
        world.run(&plan("s"));
    }
    assert_eq!(world.channel.order.len(), 3);
    assert_eq!(world.rows().len(), 3);
}

pub fn same_text() {
    let mut world = idempotent();
    world.run(&[part("s", 0, "again", false), part("s", 1, "again", true)]);
    assert_eq!(world.channel.order, [0, 1].map(|n| id("s", n)));
}

#[test]
fn an_id_of_another_run_is_refused() {
    let mut world = idempotent();
    world.run(&[status("s", 1, "Monday"), status("s", 2, "x")]);
    let planned = world.run(&[status("s", 1, "Tuesday"), status("s", 2, "y"), status("t", 1, "z")]);
    assert!(
        planned.messages[0].contains("stream id was used by another run"),
        "{:?}",
        planned.messages
    );
    assert_eq!(planned.messages.len(), 1);
    assert_eq!(world.channel.order, ["s/1", "s/2", "t/1"]);
}

#[test]
fn what_is_not_in_the_ledger_keeps_its_place_and_goes_once() {
    let delta = |seq: u64| {
        format!(
            r#"{{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":{seq},"ts":"2026-05-28T20:26:40.000Z","block":"b1","kind":"answer","text":"x"}}"#
        )
    };
    let lines = [status("s", 1, "a"), delta(2), status("s", 3, "b"), delta(4)];
    for run in 0..3 {
        let world = idempotent();
        let world = if run == 0 { world } else { continue };
        let mut process = begin(&world, &lines);
        let Task::Send(parcels) = process.driver.next(world.now).unwrap() else { panic!() };
        let sent: Vec<String> =
            parcels.iter().map(|p| String::from_utf8(p.bytes.clone()).unwrap()).collect();
        assert_eq!(sent, lines);
        drop(process);
        let mut process = begin(&world, &lines);
        let Task::Send(parcels) = process.driver.next(world.now).unwrap() else { panic!() };
        assert!(parcels.iter().all(|p| p.id.is_some()), "a delta is not given twice");
    }
}
