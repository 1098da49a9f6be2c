//! The tool calls of a stream by the runtime's ids, each with its turn, so that a result that comes twice or too late never
//! looks like a new tool.

use std::collections::HashMap;

use super::{Guard, Notice, ToolEnd, ToolStart};
use crate::event::tool_id;

/// Limit of remembered ids; past that all are forgotten, and only ids of open tools are known.
const MAX_IDS: usize = 65_536;

/// The calls of a stream.
#[derive(Debug, Default)]
pub(super) struct Calls {
    known: HashMap<String, Call>,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    turn: u64,
    finished: bool,
}

impl Calls {
    fn note(&mut self, id: &str, call: Call) {
        if id.is_empty() {
            return;
        }
        if self.known.len() >= MAX_IDS {
            self.known.clear();
        }
        self.known.insert(tool_id(id).into_owned(), call);
    }
}

impl Guard {
    /// True if this call was started in the open turn.
    pub fn call_started(&self, id: &str) -> bool {
        let call = self.state.calls.known.get(&*tool_id(id));
        call.is_some_and(|call| self.turn_open() && call.turn == self.turns())
    }

    /// Starts a tool once: a repeat in the same turn is ignored.
    pub fn start_call(&mut self, tool: &ToolStart<'_>) {
        if !tool.id.is_empty() && self.call_started(tool.id) {
            return;
        }
        self.start_tool(tool);
        let call = Call { turn: self.turns(), finished: false };
        self.state.calls.note(tool.id, call);
    }

    /// Finishes a tool once; a second result and one of an earlier turn become a log.
    pub fn finish_call(&mut self, end: &ToolEnd<'_>) {
        let call = self.state.calls.known.get(&*tool_id(end.id)).copied();
        let message = match call {
            Some(call) if call.finished => "a tool reported its result again",
            Some(call) if self.turn_open() && call.turn != self.turns() => {
                "a tool finished after its turn had ended"
            }
            _ => {
                self.finish_tool(end);
                let call = Call { turn: self.turns(), finished: true };
                return self.state.calls.note(end.id, call);
            }
        };
        let notice = Notice { kind: "log", message: Some(message), data: None, parent: end.parent };
        self.status_of(&notice, |data| {
            data.text("id", end.id);
            data.text("outcome", end.outcome);
            data.json("output", end.output.as_deref().unwrap_or("null"));
        });
        let turn = call.map_or(0, |call| call.turn);
        self.state.calls.note(end.id, Call { turn, finished: true });
    }
}
