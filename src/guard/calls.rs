//! The tool calls of a stream by the runtime's ids: which id was started in which turn, so that a result that is reported
//! twice or too late never looks like a new tool.

use std::collections::HashMap;

use super::{Guard, Notice, ToolEnd, ToolStart};
use crate::event::tool_id;
use crate::time::Time;

/// Ids that are remembered; past that all are forgotten, and only ids of open tools are told apart.
const MAX_IDS: usize = 65_536;

/// The calls of a stream.
#[derive(Debug, Default)]
pub(super) struct Calls {
    known: HashMap<String, Call>,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    turn: u64,
    done: bool,
}

impl Calls {
    fn note(&mut self, id: &str, turn: u64, done: bool) {
        if id.is_empty() {
            return;
        }
        if self.known.len() >= MAX_IDS {
            self.known.clear();
        }
        self.known.insert(tool_id(id).into_owned(), Call { turn, done });
    }
}

impl Guard {
    /// True if this call was started in the open turn.
    #[must_use]
    pub fn call_started(&self, id: &str) -> bool {
        let call = self.state.calls.known.get(&*tool_id(id));
        call.is_some_and(|call| self.turn_open() && call.turn == self.turns())
    }

    /// Starts a tool once: a repeat in the same turn is nothing new.
    pub fn start_call(&mut self, now: Time, tool: &ToolStart<'_>) {
        if !tool.id.is_empty() && self.call_started(tool.id) {
            return;
        }
        self.start_tool(now, tool);
        let turn = self.turns();
        self.state.calls.note(tool.id, turn, false);
    }

    /// Finishes a tool once; a second result and one of an earlier turn become a log.
    pub fn finish_call(&mut self, now: Time, end: &ToolEnd<'_>) {
        let call = self.state.calls.known.get(&*tool_id(end.id)).copied();
        let message = match call {
            Some(call) if call.done => "a tool reported its result again",
            Some(call) if self.turn_open() && call.turn != self.turns() => {
                "a tool finished after its turn had ended"
            }
            _ => {
                self.finish_tool(now, end);
                let turn = self.turns();
                return self.state.calls.note(end.id, turn, true);
            }
        };
        let notice = Notice { kind: "log", message: Some(message), data: None, parent: end.parent };
        self.status_of(now, &notice, |data| {
            data.text("id", end.id);
            data.text("outcome", end.outcome);
            data.json("output", end.output.as_deref().unwrap_or("null"));
        });
        self.state.calls.note(end.id, call.map_or(0, |call| call.turn), true);
    }
}
