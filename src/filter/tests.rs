//! Filters under virtual time, for tests: timed lines in, timed lines out. It takes no real time.

use super::Chain;
use crate::codec;
use crate::time::Time;

/// A line and when it comes or leaves, in milliseconds.
pub(super) type Timed = (u64, String);

/// Runs filters over timed lines: every line with the time at which it left. After the last line time goes on to `until`.
pub(super) fn drive_until(mut chain: Chain, input: &[Timed], until: u64) -> Vec<Timed> {
    let mut out: Vec<Timed> = Vec::new();
    let mut collect = |at: Time, bytes: &mut Vec<u8>| {
        let text = String::from_utf8(std::mem::take(bytes)).unwrap();
        out.extend(text.lines().map(|line| (at.as_millis(), line.to_owned())));
    };
    let mut bytes = Vec::new();
    for (at, line) in input {
        let now = Time::from_millis(*at);
        while let Some(due) = chain.deadline().filter(|due| *due <= now) {
            chain.on_tick(due, &mut bytes);
            collect(due, &mut bytes);
        }
        chain.on_event(now, &codec::decode(line.as_bytes()).unwrap(), &mut bytes);
        collect(now, &mut bytes);
    }
    let until = Time::from_millis(until);
    while let Some(due) = chain.deadline().filter(|due| *due <= until) {
        chain.on_tick(due, &mut bytes);
        collect(due, &mut bytes);
    }
    chain.on_end(until, &mut bytes);
    collect(Time::default(), &mut bytes);
    out
}

/// [`drive_until`] nothing is held any more.
pub(super) fn drive(chain: Chain, input: &[Timed]) -> Vec<Timed> {
    drive_until(chain, input, u64::MAX)
}
