//! Background runs that wait for their turn.

use super::{Home, ends};
use crate::harness::events;

#[test]
fn a_run_that_waits_is_ended_by_its_name_and_the_one_that_runs_is_not() {
    let home = Home::new();
    let first = home.start(&["--once", "k"], "sleep 1000");
    let wait = || home.start(&["--once", "k", "--queue", "--label", "later"], "echo mine");
    for select in [&[][..], &["--label", "later"]] {
        let waiting = wait();
        let name = if select.is_empty() { &[waiting.as_str()][..] } else { select };
        let output = home.run(&[&["cancel"], name].concat());
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
        let proof = &events(&output.stdout)[0];
        assert_eq!((&proof["type"], &proof["stream"]), (&"turn_cancelled".into(), &waiting.into()));
        let all = home.ended(proof["stream"].as_str().unwrap());
        assert_eq!((&all[0]["kind"], ends(&all)), (&"queued".into(), (1, 0)));
        assert!(all.iter().all(|event| event["text"] != "mine\n"));
    }
    let last = wait();
    let output = home.run(&["cancel", &first, &last, "--grace", "1s"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(events(&output.stdout).len(), 2);
    assert_eq!((ends(&home.ended(&first)), ends(&home.ended(&last))), ((1, 1), (1, 0)));
}
