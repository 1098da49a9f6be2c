//! The sessions of a server: each has a stream of its own. What a sub-agent's session says is only noted, where the
//! session speaks that it belongs to.

use super::super::prelude::*;
use std::collections::HashMap;

use super::server::Server;
use super::{Run, properties};

/// How many sessions of sub-agents are remembered; past that all are forgotten.
const MAX_CHILDREN: usize = 4096;

/// A session has the lane of its place in the list: they are numbered as they begin to speak.
#[derive(Default)]
pub(super) struct Sessions {
    all: Vec<(Server, Run)>,
    /// Sub-agents' sessions, with the lanes where they are noted.
    children: HashMap<String, usize>,
    /// Where the last event was said.
    last: usize,
}

/// What is to be done with an event.
enum Route {
    /// The session of this lane says it.
    Said(usize),
    /// It is noted in this lane.
    Noted(usize),
}

impl Sessions {
    /// Says what an event says, in its session's lane.
    pub(super) fn event(&mut self, event: &Value, emit: &mut Emit<'_>) {
        let type_ = event.text("type");
        let props = properties(event);
        let (lane, said) = match self.route(type_, props) {
            Route::Said(lane) => (lane, self.all.get_mut(lane)),
            Route::Noted(lane) => (lane, None),
        };
        emit.in_lane(lane, |emit| match said {
            Some((server, run)) => server.event(event, run, emit),
            None => {
                let message = format!("another session: {type_}");
                emit.status("info", &message, props.clone());
            }
        });
    }

    fn route(&mut self, type_: &str, props: &Value) -> Route {
        let at = |path: &str| props.pointer(path).and_then(Value::as_str);
        let about = type_.starts_with("session.").then(|| at("/info/id"));
        let id = at("/sessionID").or(at("/part/sessionID"));
        let id = id.or(at("/info/sessionID")).or(about.flatten());
        // A message has a parent too: the one that it answers.
        let parent = at("/info/parentID").filter(|_| type_.starts_with("session."));
        if let (Some(child), Some(parent)) = (id, parent) {
            let lane = self.known(parent).unwrap_or(self.last);
            if self.children.len() >= MAX_CHILDREN {
                self.children.clear();
            }
            self.children.insert(child.to_owned(), lane);
        }
        let Some(id) = id else {
            return self.said(self.last);
        };
        if let Some(lane) = self.children.get(id) {
            return Route::Noted(*lane);
        }
        if let Some(lane) = self.known(id) {
            return self.said(lane);
        }
        let speaks = type_.starts_with("message.") || type_ == "session.error";
        let named = self.all.iter().any(|(server, _)| server.session.is_some());
        match (speaks, named) {
            (false, false) => self.said(self.last),
            (false, true) => Route::Noted(self.last),
            (true, _) => self.begin(id),
        }
    }

    fn said(&mut self, lane: usize) -> Route {
        if self.all.is_empty() {
            self.all.push(<(Server, Run)>::default());
        }
        self.last = lane;
        Route::Said(lane)
    }

    fn known(&self, id: &str) -> Option<usize> {
        // As a rule there is one.
        let is = |(server, _): &(Server, Run)| server.session.as_deref() == Some(id);
        if self.all.get(self.last).is_some_and(is) {
            return Some(self.last);
        }
        self.all.iter().position(is)
    }

    /// A session that speaks for the first time; what was said without a name was said by the first.
    fn begin(&mut self, id: &str) -> Route {
        let unnamed = self.all.iter().position(|(s, _)| s.session.is_none());
        let lane = unnamed.unwrap_or(self.all.len());
        if lane >= MAX_LANES {
            return Route::Noted(self.last);
        }
        if unnamed.is_none() {
            self.all.push(<(Server, Run)>::default());
        }
        if let Some((server, _)) = self.all.get_mut(lane) {
            server.session = Some(id.to_owned());
        }
        self.said(lane)
    }
}
