//! The sessions of a server: each has a stream of its own. The events of a sub-agent's session are only noted, in the
//! stream of the session to which it belongs.

use super::super::prelude::*;
use std::collections::HashMap;

use super::properties;
use super::server::Server;

/// Limit of remembered sessions of sub-agents; past that all are forgotten.
const MAX_CHILDREN: usize = 4096;

/// Sessions by stream: each has the stream of its place in the list, in the order of their first messages.
#[derive(Default)]
pub(super) struct Sessions {
    all: Vec<Server>,
    /// Sub-agents' sessions, with the streams where they are noted.
    children: HashMap<String, usize>,
    /// The stream of the last event that was not only noted.
    last: usize,
}

impl Sessions {
    /// Takes the next event, in the stream of its session.
    pub(super) fn event(&mut self, event: &Value, emit: &mut Emit<'_>) {
        let (type_, props) = (event.text("type"), properties(event));
        let (stream, own) = self.route(type_, props);
        let server = self.all.get_mut(stream).filter(|_| own);
        emit.in_stream(stream, |emit| match server {
            Some(server) => server.event(event, emit),
            None => emit.status("info", &format!("another session: {type_}"), props.clone()),
        });
    }

    /// The stream of an event; `false` if it is only noted there.
    fn route(&mut self, type_: &str, props: &Value) -> (usize, bool) {
        let (info, part) = (props.at("info"), props.at("part"));
        // A message has an id and a parent too: its own, and the message that it answers.
        let session = if type_.starts_with("session.") { info } else { &Value::Null };
        let id = props.opt_text("sessionID").or(part.opt_text("sessionID"));
        let id = id.or(info.opt_text("sessionID")).or(session.opt_text("id"));
        if let (Some(child), Some(parent)) = (id, session.opt_text("parentID")) {
            let stream = self.known(parent).unwrap_or(self.last);
            if self.children.len() >= MAX_CHILDREN {
                self.children.clear();
            }
            self.children.insert(child.to_owned(), stream);
        }
        if let Some(stream) = id.and_then(|id| self.children.get(id)) {
            return (*stream, false);
        }
        let speaks = type_.starts_with("message.") || type_ == "session.error";
        let named = self.all.iter().any(|server| server.session.is_some());
        let stream = match id.map(|id| (id, self.known(id))) {
            Some((_, Some(stream))) => stream,
            Some((id, None)) if speaks => match self.begin(id) {
                Some(stream) => stream,
                None => return (self.last, false),
            },
            Some(_) if named => return (self.last, false),
            _ => self.last,
        };
        if self.all.is_empty() {
            self.all.push(Server::default());
        }
        self.last = stream;
        (stream, true)
    }

    fn known(&self, id: &str) -> Option<usize> {
        self.all.iter().position(|server| server.session.as_deref() == Some(id))
    }

    /// Stream of a session at its first message: that of earlier messages without a name, or a new one; `None` past
    /// [`MAX_STREAMS`].
    fn begin(&mut self, id: &str) -> Option<usize> {
        let unnamed = self.all.iter().position(|server| server.session.is_none());
        let stream = unnamed.unwrap_or(self.all.len());
        if unnamed.is_none() && stream < MAX_STREAMS {
            self.all.push(Server::default());
        }
        self.all.get_mut(stream)?.session = Some(id.to_owned());
        Some(stream)
    }
}
