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
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Started,
    Finished,
}

impl Calls {
    fn note(&mut self, id: &str, turn: u64, phase: Phase) {
        if id.is_empty() {
            return;
        }
        if self.known.len() >= MAX_IDS {
            self.known.clear();
        }
        self.known.insert(tool_id(id).into_owned(), Call { turn, phase });
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
        let turn = self.turns();
        self.state.calls.note(tool.id, turn, Phase::Started);
    }

    /// Finishes a tool once; a second result and one of an earlier turn become a log.
    pub fn finish_call(&mut self, end: &ToolEnd<'_>) {
        let call = self.state.calls.known.get(&*tool_id(end.id)).copied();
        let message = match call {
            Some(call) if call.phase == Phase::Finished => "a tool reported its result again",
            Some(call) if self.turn_open() && call.turn != self.turns() => {
                "a tool finished after its turn had ended"
            }
            _ => {
                self.finish_tool(end);
                let turn = self.turns();
                return self.state.calls.note(end.id, turn, Phase::Finished);
            }
        };
        let notice = Notice { kind: "log", message: Some(message), data: None, parent: end.parent };
        self.status_of(&notice, |data| {
            data.text("id", end.id);
            data.text("outcome", end.outcome);
            data.json("output", end.output.as_deref().unwrap_or("null"));
        });
        self.state.calls.note(end.id, call.map_or(0, |call| call.turn), Phase::Finished);
    }
}
