//! Several runs at once, and the choice of runs.

use super::*;

#[test]
fn the_past_is_ordered_by_time_and_then_lines_come_as_they_are_written() {
    let room = Room::new();
    let mut a = room.run("a", "docs", 1);
    let mut b = room.run("b", "docs", 2);
    let lines = |stream: &str, seqs: &[u64]| {
        seqs.iter().map(|seq| delta(stream, *seq, "x")).collect::<Vec<_>>()
    };
    let (of_a, of_b) = (lines("a", &[3, 5, 7]), lines("b", &[4, 6, 8]));
    a.write([session("a"), turn_started("a"), of_a.concat()].concat());
    b.write([session("b"), turn_started("b"), of_b.concat()].concat());
    let mut live = room.live(&["attach", "--label", "docs"]);
    let seen: Vec<String> = (0..10).map(|_| live.line().unwrap()).collect();
    let heads = [session("a"), turn_started("a"), session("b"), turn_started("b")];
    let deltas = of_a.iter().zip(&of_b).flat_map(|(a, b)| [a.clone(), b.clone()]);
    let want: Vec<String> = heads.into_iter().chain(deltas).collect();
    assert_eq!(seen, want);
    b.write(delta("b", 9, "y"));
    assert_eq!(live.line(), Some(delta("b", 9, "y")));
    a.end(completed("a", 8));
    live.until("exit");
    b.end(event("b", 10, 10, "turn_cancelled", r#""by":"signal","reason":"r""#) + &exit("b", 11));
    let (rest, status) = live.end();
    assert_eq!((rest.len(), status), (2, 130), "{rest:?}");
    let (out, _, status) = room.output(&["logs", "--all"]);
    assert_eq!(out.len(), a.file().len() + b.file().len());
    assert_eq!(status, 130);
}

#[test]
fn runs_that_are_started_later_belong_to_a_label() {
    let room = Room::new();
    room.run("other", "docs", 1).end(ended_by("turn_completed", r#""stop":"x""#));
    let mut live = room.live(&["attach", "--label", "x", "--new"]);
    // The next run is later than the reader once that reads a run which it has selected.
    let mut runs = Vec::new();
    for n in 0.. {
        let stream = format!("x{n}");
        let mut run = room.run(&stream, "x", 2 + n);
        run.write(session(&stream));
        runs.push(run);
        if live.line() == Some(session(&stream)) {
            break;
        }
    }
    let mut second = room.run("y", "x", 60);
    second.write(session("y"));
    assert_eq!(live.line(), Some(session("y")));
    room.run("z", "no", 61).write(session("z"));
    second.write(delta("y", 2, "x"));
    assert_eq!(live.line(), Some(delta("y", 2, "x")));
    live.signal(Signal::INT);
    assert_eq!(live.end().1, 130);
}

#[test]
fn a_choice_without_a_run_names_what_there_is() {
    let room = Room::new();
    let none = "spile: there is no run\n".to_owned();
    assert_eq!(room.output(&["attach"]), (Vec::new(), none, 69));
    assert_eq!(room.output(&["logs", "--all"]), (Vec::new(), String::new(), 0));
    let _one = room.run("one", "docs", 1);
    let two = room.run("two", "", 2);
    let there = "there are: two (live), one (label docs, live)\n";
    for (args, want, status) in [
        (&["attach"][..], "2 runs live: name one; ", 2),
        (&["attach", "x"], "no run has the stream or label x; ", 69),
        (&["logs", "--label", "two"], "no run has the label two; ", 69),
    ] {
        let want = format!("spile: {want}{there}");
        assert_eq!(room.output(args), (Vec::new(), want, status), "{args:?}");
    }
    drop(two);
    for (args, want) in [
        (&["attach", "--all", "--from", "3"][..], "spile: --from SEQ is for one run\n"),
        (&["attach", "--new"], "spile: --new is for runs of a --label, or for --all\n"),
    ] {
        assert_eq!(room.output(args), (Vec::new(), want.to_owned(), 2), "{args:?}");
    }
    for args in [&["attach", "x", "--last"][..], &["attach", "--from", "then"]] {
        assert_eq!(room.output(args).2, 2, "{args:?}");
    }
}

#[test]
fn a_run_that_cannot_be_read_hides_no_other() {
    let room = Room::new();
    room.run("one", "", 1).end(ended_by("turn_completed", r#""stop":"x""#));
    std::fs::create_dir(room.path("state/runs/broken")).unwrap();
    let (out, err, status) = room.output(&["logs"]);
    assert_eq!((out, status), (ended_by("turn_completed", r#""stop":"x""#).into_bytes(), 0));
    assert!(err.starts_with("spile: broken: cannot open ") && err.lines().count() == 1, "{err}");
}
