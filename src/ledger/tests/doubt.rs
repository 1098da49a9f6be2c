//! What becomes of a delivery whose end nobody has seen, of one that failed, and of one that has become too old.

use super::super::queue::Held;
use super::*;

/// A run that was killed while the first row of `s` was on its way, so long ago.
fn killed(options: Options, ago: Duration) -> (World, SinkQueue) {
    let mut world = World::new(options, &["s", "s", "t"]);
    world.row(1).state = State::Sending;
    world.now = world.now + ago;
    let queues = world.start();
    (world, queues)
}

fn all_sent(world: &mut World, queues: &mut SinkQueue) -> Vec<u64> {
    world.drive(queues, 100, |_| SendOutcome::Sent(None));
    world.positions()
}

const SENT: (State, Mark) = (State::Sent, Mark::None);

#[test]
fn held_until_a_person_decides() {
    let (mut world, mut queues) = killed(blind(), secs(1));
    assert_eq!(all_sent(&mut world, &mut queues), [3], "other streams go on");
    let planned = (State::Planned, Mark::None);
    assert_eq!(world.states(), [(State::Unknown, Mark::None), planned, SENT]);
    let held: Vec<_> = queues.held().map(|(s, row, why)| (s, row.position, why)).collect();
    assert_eq!(held, [("s", 1, Held::User)]);
    assert_eq!(world.next(&mut queues), Step::Idle, "no time changes that");
    // The next run knows it too; a person has then said `forget`.
    let mut queues = world.start();
    assert_eq!(world.next(&mut queues), Step::Idle);
    world.row(1).mark = Mark::Skipped;
    let mut queues = world.start();
    assert_eq!(all_sent(&mut world, &mut queues), [3, 2]);
}

#[test]
fn sent_again_and_marked() {
    let mut options = blind();
    options.in_doubt = InDoubt::Resend;
    let (mut world, mut queues) = killed(options, secs(1));
    assert_eq!(all_sent(&mut world, &mut queues), [1, 2, 3]);
    assert_eq!(world.states(), [(State::Sent, Mark::Resent), SENT, SENT]);
}

#[test]
fn let_be_and_marked() {
    let mut options = blind();
    options.in_doubt = InDoubt::Skip;
    let (mut world, mut queues) = killed(options, secs(1));
    assert_eq!(all_sent(&mut world, &mut queues), [2, 3]);
    let skipped = (State::Unknown, Mark::Skipped);
    assert_eq!(world.states(), [skipped, SENT, SENT]);
}

#[test]
fn a_sink_that_knows_the_id_gets_it_again_within_its_window() {
    for (in_doubt, after) in
        [(InDoubt::Hold, &[3][..]), (InDoubt::Resend, &[1, 2, 3]), (InDoubt::Skip, &[2, 3])]
    {
        let options = Options { in_doubt, ..idempotent() };
        let (mut world, mut queues) = killed(options, secs(3600));
        assert_eq!(all_sent(&mut world, &mut queues), [1, 2, 3]);
        assert_eq!(world.states(), [SENT; 3], "there is no doubt about it");
        let (mut world, mut queues) = killed(options, secs(3601));
        assert_eq!(all_sent(&mut world, &mut queues), after);
    }
}

#[test]
fn a_sink_that_can_be_asked_is_asked_first() {
    let asked = |answer: ProbeAnswer, in_doubt| {
        let options = Options { in_doubt, ..able(Ability::Probed) };
        let (mut world, mut queues) = killed(options, secs(1));
        assert_eq!(world.next(&mut queues), Step::Probe(vec![1]));
        let change = queues.answered(world.now, 1, answer).unwrap();
        world.store(&change);
        let given = all_sent(&mut world, &mut queues);
        (given, world.states()[0])
    };
    let nobody = || ProbeAnswer::Unknown("no answer".to_owned());
    let hold = InDoubt::Hold;
    assert_eq!(asked(ProbeAnswer::Sent, hold), (vec![2, 3], SENT));
    assert_eq!(asked(ProbeAnswer::NotSent, hold), (vec![1, 2, 3], SENT));
    let unknown = |mark| (State::Unknown, mark);
    assert_eq!(asked(nobody(), hold), (vec![3], unknown(Mark::None)));
    let skipped = (vec![2, 3], unknown(Mark::Skipped));
    assert_eq!(asked(nobody(), InDoubt::Skip), skipped);
    let resent = (vec![1, 2, 3], (State::Sent, Mark::Resent));
    assert_eq!(asked(nobody(), InDoubt::Resend), resent);
}

#[test]
fn what_nobody_has_seen_end_is_asked_for_when_its_wait_is_over() {
    let mut world = World::new(able(Ability::Probed), &["s"]);
    let mut queues = world.start();
    assert_eq!(world.send(&mut queues), [1]);
    let unknown = SendOutcome::Unknown(Wait::Failed, "cut off".to_owned());
    world.end(&mut queues, 1, unknown);
    assert_eq!(world.next(&mut queues), Step::Wait(world.now + secs(1)));
    world.now = world.now + secs(1);
    assert_eq!(world.next(&mut queues), Step::Probe(vec![1]));
}

#[test]
fn what_was_refused_holds_its_stream_or_is_skipped() {
    for (in_doubt, want, mark) in
        [(InDoubt::Hold, &[1, 3][..], Mark::None), (InDoubt::Skip, &[1, 2, 3], Mark::Skipped)]
    {
        let mut options = blind();
        options.in_doubt = in_doubt;
        let mut world = World::new(options, &["s", "s", "t"]);
        let mut queues = world.start();
        world.drive(&mut queues, 100, |at| match at {
            1 => SendOutcome::Failed("400".to_owned()),
            _ => SendOutcome::Sent(None),
        });
        assert_eq!(world.positions(), want);
        assert_eq!(world.states()[0], (State::Failed, mark));
        assert_eq!(queues.held().count(), usize::from(mark == Mark::None));
    }
}

#[test]
fn what_is_too_old_is_not_sent() {
    for in_doubt in [InDoubt::Hold, InDoubt::Resend, InDoubt::Skip] {
        let mut options = blind();
        (options.max_age, options.in_doubt) = (Some(secs(60)), in_doubt);
        let mut world = World::new(options, &["s", "s", "t"]);
        world.now = world.now + secs(60);
        world.row(3).born = world.now;
        let mut queues = world.start();
        // The limit itself is not too old.
        assert_eq!(world.send(&mut queues), [1]);
        world.now = world.now + secs(1);
        world.end(&mut queues, 1, SendOutcome::Unknown(Wait::Failed, "cut off".to_owned()));
        assert_eq!(all_sent(&mut world, &mut queues), [1, 3]);
        let want = [
            // It may be there; nobody sends it again, and nobody waits for it.
            (State::Unknown, Mark::Skipped),
            (State::Expired, Mark::None),
            SENT,
        ];
        assert_eq!(world.states(), want, "{in_doubt:?}");
    }
}

#[test]
fn a_clock_that_went_back_makes_nothing_wait_for_ever() {
    let mut options = idempotent();
    options.max_age = Some(secs(60));
    let mut world = World::new(options, &["s", "s"]);
    let later = world.now + secs(1_000_000);
    for at in [1, 2] {
        let row = world.row(at);
        (row.born, row.changed, row.not_before) = (later, later, later);
    }
    world.row(1).state = State::Sending;
    let mut queues = world.start();
    let hour = world.now + MAX_ASKED;
    assert_eq!(world.next(&mut queues), Step::Wait(hour));
    world.now = hour;
    assert_eq!(all_sent(&mut world, &mut queues), [] as [u64; 0], "an hour is too old");
    assert!(world.states().iter().all(|(state, _)| *state != State::Planned));
}

#[test]
fn tries_that_are_used_up_end_it() {
    let ends = |options: Options, outcome: SendOutcome| {
        let mut world = World::new(options, &["s", "s"]);
        let mut queues = world.start();
        world.drive(&mut queues, 1000, |at| match at {
            1 => outcome.clone(),
            _ => SendOutcome::Sent(None),
        });
        let first = world.positions().iter().filter(|at| **at == 1).count();
        (first, world.states()[0])
    };
    let unknown = SendOutcome::Unknown(Wait::Failed, "cut off".to_owned());
    let (hold, skip) = (idempotent(), Options { in_doubt: InDoubt::Skip, ..idempotent() });
    // Where a person is waited for, the next run tries again.
    assert_eq!(ends(hold, retry()), (5, (State::Planned, Mark::None)));
    assert_eq!(ends(skip, retry()), (5, (State::Failed, Mark::Skipped)));
    assert_eq!(ends(hold, unknown.clone()), (5, (State::Sending, Mark::None)));
    assert_eq!(ends(skip, unknown), (5, (State::Unknown, Mark::Skipped)));
}
