//! Fields of a stream in which everything is hidden until an end marker comes, also in later events.

use super::Search;
use super::tail::Logged;

/// Fields that are remembered; past that the oldest is forgotten.
const MAX_FIELDS: usize = 64;

/// The search of each such field, by the event's type and the keys that lead to the field; and what was hidden in log lines.
#[derive(Debug, Default)]
pub(super) struct Hiding {
    fields: Vec<(String, Search)>,
    pub(super) logged: Logged,
}

fn name(kind: &str, keys: &[&str]) -> String {
    format!("{kind}/{}", keys.join("/"))
}

impl Hiding {
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The search that ended in the field's last text, if it hides on.
    pub(super) fn of(&self, kind: &str, keys: &[&str]) -> Option<&Search> {
        if self.fields.is_empty() {
            return None;
        }
        let name = name(kind, keys);
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, search)| search)
    }

    /// Keeps the search of a text that has ended, or forgets the field.
    pub(super) fn set(&mut self, kind: &str, keys: &[&str], search: Option<&Search>) {
        if search.is_none() && self.fields.is_empty() {
            return;
        }
        let name = name(kind, keys);
        self.fields.retain(|(known, _)| *known != name);
        if let Some(search) = search {
            if self.fields.len() >= MAX_FIELDS {
                self.fields.remove(0);
            }
            self.fields.push((name, search.clone()));
        }
    }
}
