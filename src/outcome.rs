//! The exit status of a stream of events (`--exit-from-stream`), so that a pipeline fails when its agent failed.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::codec;
use crate::event::{Event, Type};
use crate::exit::Exit;

/// Limit of tracked streams whose last turn did not complete; past that the streams that ended longest ago count as they are,
/// then those that are open longest as failed.
const MAX_STREAMS: usize = 65_536;

/// Number of streams that are forgotten at once, so that each new one costs the same.
const FORGOTTEN: usize = MAX_STREAMS / 16;

/// Watches turns begin and end: success if the last turn of every stream completed, else the status of the last one
/// that did not, [`Exit::Failed`] if a turn is open at the end or there was none.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Streams whose last turn is open or did not complete; one that completed needs no memory.
    streams: HashMap<String, Last>,
    /// The latest of the streams that were forgotten.
    settled: Option<Last>,
    turns: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    /// Number of turns that had begun or ended anywhere: the larger, the later.
    order: u64,
    /// `None` while the turn is open.
    exit: Option<Exit>,
}

impl Outcome {
    /// Takes an event of `stream`; `code` is the `error.code` of a `turn_failed`. Other types than those that begin or end
    /// a turn say nothing here.
    pub fn observe(&mut self, stream: &str, kind: Type, code: Option<&str>) {
        let exit = match kind {
            Type::TurnStarted => None,
            Type::TurnCompleted => Some(Exit::Success),
            Type::TurnFailed => Some(Exit::of_failure(code.unwrap_or_default())),
            Type::TurnCancelled => Some(Exit::Cancelled),
            _ => return,
        };
        self.turns += 1;
        if exit == Some(Exit::Success) {
            self.streams.remove(stream);
            return;
        }
        let last = Last { order: self.turns, exit };
        if let Some(known) = self.streams.get_mut(stream) {
            *known = last;
            return;
        }
        if self.streams.len() >= MAX_STREAMS {
            self.forget_oldest();
        }
        self.streams.insert(stream.to_owned(), last);
    }

    /// As [`Outcome::observe`], for an event as filters have it.
    pub fn on_event(&mut self, event: &Event<'_>) {
        let stream = event.stream.as_deref().unwrap_or_default();
        self.observe(stream, event.kind, failure_code(event).as_deref());
    }

    /// The status if the input ended here.
    pub fn exit(&self) -> Exit {
        if self.turns == 0 {
            return Exit::Failed;
        }
        let all = || self.streams.values().chain(&self.settled);
        let last = all()
            .filter_map(|last| last.exit.map(|exit| (last.order, exit)))
            .max_by_key(|(order, _)| *order)
            .map_or(Exit::Success, |(_, exit)| exit);
        if all().any(|last| last.exit.is_none()) { last.or(Exit::Failed) } else { last }
    }

    fn forget_oldest(&mut self) {
        let age = |last: &Last| (last.exit.is_none(), last.order);
        let mut ages: Vec<_> = self.streams.values().map(age).collect();
        let (_, youngest, _) = ages.select_nth_unstable(FORGOTTEN - 1);
        let youngest = *youngest;
        let settled = &mut self.settled;
        self.streams.retain(|_, last| {
            if age(last) > youngest {
                return true;
            }
            if settled.is_none_or(|known| known.order < last.order) {
                // An open turn fails in any case, so it counts as ended here.
                *settled = Some(Last { order: last.order, exit: last.exit.or(Some(Exit::Failed)) });
            }
            false
        });
    }
}

/// The `error.code` of a `turn_failed`; `None` for every other type and where it cannot be read.
pub fn failure_code<'a>(event: &Event<'a>) -> Option<Cow<'a, str>> {
    if event.kind != Type::TurnFailed {
        return None;
    }
    codec::text(codec::value_of(codec::value_of(event.line, "error")?, "code")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(events: &[(&str, Type, &str)]) -> Exit {
        let mut outcome = Outcome::default();
        for (stream, kind, code) in events {
            outcome.observe(stream, *kind, Some(code));
        }
        outcome.exit()
    }

    #[test]
    fn the_last_turn_of_every_stream_counts() {
        use Type::{TurnCancelled, TurnCompleted, TurnFailed, TurnStarted};
        let ok = ("a", TurnCompleted, "");
        assert_eq!(exit(&[]), Exit::Failed);
        assert_eq!(exit(&[("a", TurnStarted, ""), ok]), Exit::Success);
        assert_eq!(exit(&[ok, ("a", TurnStarted, "")]), Exit::Failed);
        assert_eq!(exit(&[("a", TurnFailed, "auth"), ok]), Exit::Success);
        let limited = ("b", TurnFailed, "rate_limited");
        assert_eq!(exit(&[limited, ok]), Exit::RateLimited);
        let cancelled = ("c", TurnCancelled, "");
        assert_eq!(exit(&[cancelled, limited, ok]), Exit::RateLimited);
        assert_eq!(exit(&[limited, cancelled]), Exit::Cancelled);
        assert_eq!(exit(&[cancelled, ("d", TurnStarted, "")]), Exit::Cancelled);
        assert_eq!(exit(&[("a", TurnFailed, "timeout_idle")]), Exit::Timeout);
    }

    #[test]
    fn reads_the_code_from_the_line() {
        let line = br#"{"v":1,"type":"turn_failed","stream":"s","turn":1,"seq":2,"ts":"2023-11-14T22:13:20.000Z","error":{"code":"rate_limited","message":"x"}}"#;
        let mut outcome = Outcome::default();
        outcome.on_event(&codec::decode(line).unwrap());
        assert_eq!(outcome.exit(), Exit::RateLimited);
    }

    #[test]
    fn the_latest_of_many_that_were_forgotten_counts() {
        let mut outcome = Outcome::default();
        outcome.observe("open", Type::TurnStarted, None);
        for i in 0..2 * MAX_STREAMS {
            let code = if i == 0 { "auth" } else { "rate_limited" };
            outcome.observe(&format!("s{i}"), Type::TurnFailed, Some(code));
            assert!(outcome.streams.len() <= MAX_STREAMS);
        }
        for known in outcome.streams.keys().cloned().collect::<Vec<_>>() {
            outcome.observe(&known, Type::TurnCompleted, None);
        }
        assert_eq!(outcome.exit(), Exit::RateLimited);
    }

    #[test]
    fn what_is_forgotten_still_counts() {
        let mut outcome = Outcome::default();
        for i in 0..MAX_STREAMS + 3 {
            outcome.observe(&format!("s{i}"), Type::TurnCancelled, None);
        }
        for i in 3..MAX_STREAMS + 3 {
            outcome.observe(&format!("s{i}"), Type::TurnCompleted, None);
        }
        assert!(outcome.streams.is_empty());
        assert_eq!(outcome.exit(), Exit::Cancelled);
    }
}
