//! The tool calls of a run as an adapter knows them: which id was started in which turn, so that a result that comes
//! twice or too late never looks like a new tool.

use std::collections::HashMap;

use crate::guard::{Guard, Notice, ToolEnd, ToolStart};
use crate::time::Time;

/// How many ids are remembered; past that all are forgotten, and the guard alone keeps them apart.
const MAX_IDS: usize = 65_536;

/// The calls of a run.
#[derive(Debug, Default)]
pub struct Calls {
    known: HashMap<String, Call>,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    turn: u64,
    done: bool,
}

impl Calls {
    /// Whether this call was started in the turn that is open.
    #[must_use]
    pub fn started(&self, id: &str, guard: &Guard) -> bool {
        self.known.get(id).is_some_and(|call| guard.turn_open() && call.turn == guard.turns())
    }

    /// Starts a tool once: a repeat in the same turn is nothing new.
    pub fn start(&mut self, now: Time, tool: &ToolStart<'_>, guard: &mut Guard) {
        if !tool.id.is_empty() && self.started(tool.id, guard) {
            return;
        }
        guard.start_tool(now, tool);
        self.note(tool.id, guard.turns(), false);
    }

    /// [`Calls::start`] of a tool of which the runtime says no more than id, name and arguments.
    pub fn start_named(
        &mut self,
        now: Time,
        (id, name): (&str, &str),
        input: Option<&str>,
        parent: Option<&str>,
        guard: &mut Guard,
    ) {
        let (title, paths) = super::describe(input);
        let tool = ToolStart {
            id,
            name,
            kind: super::tool_kind(name),
            title: title.as_deref(),
            input,
            paths: &paths,
            parent,
        };
        self.start(now, &tool, guard);
    }

    /// Finishes a tool once; a second result and one of an earlier turn are only noted.
    pub fn finish(&mut self, now: Time, end: ToolEnd<'_>, guard: &mut Guard) {
        let call = self.known.get(end.id).copied();
        let message = match call {
            Some(call) if call.done => "a tool reported its result again",
            Some(call) if guard.turn_open() && call.turn != guard.turns() => {
                "a tool finished after its turn had ended"
            }
            _ => {
                guard.finish_tool(now, &end);
                self.note(end.id, guard.turns(), true);
                return;
            }
        };
        let output = end.output.as_deref().map(|o| super::value_of(o, guard));
        let data = serde_json::json!({"id": end.id, "outcome": end.outcome, "output": output});
        let notice =
            Notice { kind: "log", message: Some(message), data: Some(data), parent: end.parent };
        guard.status(now, &notice);
        self.note(end.id, call.map_or(0, |c| c.turn), true);
    }

    fn note(&mut self, id: &str, turn: u64, done: bool) {
        if id.is_empty() {
            return;
        }
        if self.known.len() >= MAX_IDS {
            self.known.clear();
        }
        self.known.insert(id.to_owned(), Call { turn, done });
    }
}
