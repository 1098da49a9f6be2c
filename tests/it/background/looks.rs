//! Looks at runs while runs start: a look never makes a run seem alive, and never makes a start fail.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use spile::run::state::{Closed, RunLife};

use super::{Home, ends};
use crate::harness::stress;

#[test]
fn looks_and_starts_do_not_disturb_each_other() {
    let home = Home::new();
    let (over, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    let look = || {
        let state = home.state();
        while !over.load(Ordering::Relaxed) {
            for stream in state.streams().unwrap() {
                let run = state.run(&stream).unwrap().unwrap();
                // A run that seems over to a look is over: it has its end.
                if run.life().unwrap() == RunLife::Over {
                    let closed = run.close().unwrap();
                    assert!(
                        !matches!(closed, Closed::Done(_)),
                        "{stream} was closed by a look: {closed:?}"
                    );
                }
                looks.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let since = Instant::now();
    let streams: Vec<String> = std::thread::scope(|scope| {
        let lookers = [scope.spawn(look), scope.spawn(look)];
        let streams = (0..stress(200)).map(|_| home.start(&[], "echo hi")).collect();
        over.store(true, Ordering::Relaxed);
        lookers.into_iter().for_each(|looker| looker.join().unwrap());
        streams
    });
    let rate = looks.load(Ordering::Relaxed) as f64
        / since.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    assert!(rate > 500.0, "{rate} looks a second");
    for stream in streams {
        assert_eq!(ends(&home.ended(&stream)), (1, 1));
    }
}
