//! Selections of the same four runs.

use super::*;

fn run(stream: &str, label: &str, started: &str, alive: bool) -> Candidate {
    let label = (!label.is_empty()).then(|| label.to_owned());
    Candidate { stream: stream.into(), label, started: started.into(), alive }
}

fn runs() -> Vec<Candidate> {
    vec![
        run("d", "docs", "2026-01-04T00:00:00.000Z", false),
        run("a", "docs", "2026-01-01T00:00:00.000Z", false),
        run("c", "c-label", "2026-01-03T00:00:00.000Z", true),
        run("b", "", "2026-01-02T00:00:00.000Z", true),
    ]
}

fn names(selection: &Selection, all: Vec<Candidate>) -> Result<String, Unselected> {
    let selected = selection.select(all)?;
    Ok(selected.into_iter().map(|run| run.stream).collect())
}

fn by_name(name: &[&str]) -> Selection {
    Selection { names: name.iter().map(|n| (*n).to_owned()).collect(), ..Selection::default() }
}

fn by_label(label: &str) -> Selection {
    Selection { label: Some(label.into()), ..Selection::default() }
}

#[test]
fn every_form_selects_in_the_order_of_the_start() {
    let all = Selection { all: true, ..Selection::default() };
    let last = Selection { last: true, ..Selection::default() };
    let last_docs = Selection { last: true, ..by_label("docs") };
    for (selection, want) in [
        (all, "abcd"),
        (last, "d"),
        (last_docs, "d"),
        (by_label("docs"), "ad"),
        (by_name(&["d", "b", "d"]), "bd"),
        (by_name(&["c:2"]), "c"),
        (by_name(&["docs"]), "ad"),
        (by_name(&["c-label"]), "c"),
    ] {
        assert_eq!(names(&selection, runs()).as_deref(), Ok(want), "{selection:?}");
    }
}

#[test]
fn without_a_name_it_is_the_only_live_run_or_else_the_last_one() {
    let default = Selection::default();
    let Err(Unselected::Ambiguous(why)) = names(&default, runs()) else { panic!("selected") };
    assert_eq!(why, "2 runs live: name one; there are: c (label c-label, live), b (live)");
    let mut all = runs();
    all[2].alive = false;
    assert_eq!(names(&default, all.clone()).as_deref(), Ok("b"));
    all[3].alive = false;
    assert_eq!(names(&default, all).as_deref(), Ok("d"));
}

#[test]
fn an_error_names_what_there_is() {
    let missing = |selection: Selection, all| match names(&selection, all) {
        Err(Unselected::Missing(why)) => why,
        other => panic!("{other:?}"),
    };
    let there = "; there are: d (label docs, over), c (label c-label, live), b (live), a (label docs, over)";
    let want = format!("no run has the stream or label x:1{there}");
    assert_eq!(missing(by_name(&["a", "x:1"]), runs()), want);
    let want = format!("no run has the label b{there}");
    assert_eq!(missing(by_label("b"), runs()), want);
    assert_eq!(missing(Selection::default(), Vec::new()), "there is no run");
    let many = (0..10).map(|n| run(&format!("r{n}"), "", &format!("{n}"), false)).collect();
    let why = missing(by_name(&["x"]), many);
    assert!(why.contains("r9 (over), r8") && why.ends_with("r2 (over) and 2 more"), "{why}");
}

#[test]
fn a_later_run_belongs_to_a_label_or_to_all() {
    let later = run("e", "docs", "2026-01-05T00:00:00.000Z", true);
    assert!(by_label("docs").admits(&later));
    assert!(!by_label("other").admits(&later));
    assert!(!Selection::default().admits(&Candidate { label: None, ..later.clone() }));
    assert!(Selection { all: true, ..Selection::default() }.admits(&later));
}

#[test]
fn a_long_label_is_shortened_in_a_message() {
    let all = vec![run("a", &"é".repeat(1000), "2026-01-01T00:00:00.000Z", false)];
    let Err(Unselected::Missing(why)) = names(&by_name(&["x"]), all) else { panic!("selected") };
    assert!(why.ends_with(&format!("; there are: a (label {}…, over)", "é".repeat(20))), "{why}");
}
