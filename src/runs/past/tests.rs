//! Pasts of several runs against a sort of all lines.

use super::*;

fn line(run: usize, ms: u64, n: usize) -> String {
    let ts = Time::from_millis(ms);
    format!(
        "{{\"v\":1,\"type\":\"status\",\"stream\":\"r{run}\",\"seq\":{n},\"ts\":\"{ts}\",\"kind\":\"x\"}}\n"
    )
}

/// Merge of these lines, given out in batches of `size` lines. Returns them with the most runs that were held at a time.
fn merged(runs: &[(u64, Vec<String>)], size: usize) -> (Vec<String>, usize) {
    let mut past = Past::new(runs.iter().map(|(start, _)| Time::from_millis(*start)));
    let mut rest: Vec<_> = runs.iter().map(|(_, lines)| lines.chunks(size)).collect();
    let (mut out, mut most) = (Vec::new(), 0);
    loop {
        most = most.max(past.runs.iter().filter(|run| !run.bytes.is_empty()).count());
        match past.step() {
            None => return (out, most),
            Some(Step::Line(_, line)) => out.push(String::from_utf8(line.to_vec()).unwrap()),
            Some(Step::Need(n)) => match rest[n].next() {
                Some(lines) => past.feed(n, lines.concat().as_bytes()),
                None => past.end(n),
            },
        }
    }
}

#[test]
fn lines_are_ordered_by_time_and_then_by_run() {
    let mut random = 1u64;
    for _ in 0..200 {
        let mut next = |most: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % most
        };
        let mut all = Vec::new();
        let mut runs = Vec::new();
        for run in 0..usize::try_from(1 + next(5)).unwrap() {
            let start = next(20);
            let (mut ms, mut lines) = (start, Vec::new());
            for n in 1..=usize::try_from(next(12)).unwrap() {
                ms += next(3);
                lines.push(line(run, ms, n));
                all.push((ms, run, n, line(run, ms, n)));
            }
            runs.push((start, lines));
        }
        all.sort();
        let want: Vec<String> = all.into_iter().map(|(.., line)| line).collect();
        for size in [1, 3, 100] {
            assert_eq!(merged(&runs, size).0, want);
        }
    }
}

#[test]
fn what_has_no_time_follows_the_line_before_it_and_no_run_is_reordered() {
    let garbage = "garbage\n".to_owned();
    let a = vec![line(0, 5, 1), garbage.clone(), line(0, 1, 2), line(0, 9, 3)];
    let b = vec![garbage.clone(), line(1, 6, 1)];
    let want = [&a[0], &a[1], &a[2], &garbage, &b[1], &a[3]].map(Clone::clone);
    assert_eq!(merged(&[(5, a), (5, b)], 1).0, want);
}

#[test]
fn runs_one_after_another_are_held_one_at_a_time() {
    let runs: Vec<_> = (0..50u64)
        .map(|run| {
            let n = usize::try_from(run).unwrap();
            (run * 10, (0..9).map(|i| line(n, run * 10 + i, 1)).collect())
        })
        .collect();
    assert_eq!(merged(&runs, 2).1, 1);
}
