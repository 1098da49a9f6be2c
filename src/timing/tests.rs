//! Timing: each class by example, and the law that the classes sum to the turn.

use proptest::prelude::*;

use super::*;

fn broken_down(steps: &[(u64, Step<'_>)], end: u64) -> Breakdown {
    let mut timing = Timing::new(1000);
    for (at, step) in steps {
        timing.on_step(*at, *step);
    }
    timing.end(end)
}

#[test]
fn each_class_has_its_time() {
    let steps = [
        (1500, Step::Text),
        (1800, Step::Text),
        (2000, Step::ToolStarted("a")),
        (2100, Step::ToolStarted("b")),
        (2600, Step::ToolFinished("a")),
        (3000, Step::ToolFinished("b")),
        (3400, Step::Other),
        (4000, Step::Text),
        (4010, Step::PermissionAsked),
        (9010, Step::ToolStarted("c")),
        (9020, Step::ToolFinished("c")),
        (9120, Step::Retry),
        (11_120, Step::Text),
    ];
    let of = broken_down(&steps, 11_200);
    let millis = Class::ALL.map(|(class, _)| of.of(class));
    // Person, retry (with the request that failed), tool, start, model, other.
    assert_eq!(millis, [5000, 2100, 1010, 500, 1510, 80]);
    assert_eq!(of.total(), 10_200);
    assert_eq!(of.longest()[0], ("waiting for permission", 5000));
}

#[test]
fn a_question_that_is_answered_waits_no_longer() {
    let steps =
        [(1100, Step::Text), (1200, Step::PermissionAsked), (1300, Step::PermissionAnswered)];
    let of = broken_down(&steps, 1500);
    assert_eq!((of.of(Class::Person), of.of(Class::Other)), (100, 300));
}

#[test]
fn texts_that_stream_may_be_taken_by_their_last() {
    let texts = [(1100, Step::Text), (1200, Step::Text), (1300, Step::Text)];
    let mut timing = Timing::new(1000);
    assert!(!timing.is_streaming());
    timing.on_step(1100, Step::Text);
    assert!(timing.is_streaming());
    timing.on_step(1300, Step::Text);
    assert_eq!(timing.end(1400), broken_down(&texts, 1400));
}

fn step() -> impl Strategy<Value = Step<'static>> {
    prop::sample::select(vec![
        Step::Text,
        Step::ToolStarted("a"),
        Step::ToolStarted("b"),
        Step::ToolFinished("a"),
        Step::ToolFinished("b"),
        Step::PermissionAsked,
        Step::PermissionAnswered,
        Step::Retry,
        Step::Other,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_classes_sum_to_the_turn(steps in prop::collection::vec((0u64..5000, step()), 0..40), end in 0u64..6000) {
        let last = steps.iter().map(|(at, _)| *at).chain([1000, end]).max().unwrap();
        prop_assert_eq!(broken_down(&steps, end).total(), last - 1000);
    }
}
