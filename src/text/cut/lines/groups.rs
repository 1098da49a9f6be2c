//! Fences and tables: what is said again where a part begins inside one, and whether one fits into a part.

use super::{Line, Lines};
use crate::text::cut::room_for;
use crate::text::markdown::{Found, Kind, prefix};
use crate::text::units::Size;

/// A fence, or a table.
#[derive(Debug, Clone)]
pub(in crate::text::cut) struct Group {
    pub start: usize,
    pub at: Size,
    /// Put before a part that begins inside, put behind one that ends inside.
    pub open: String,
    pub close: String,
    /// What stands before the text of a fence's line, where a quote needs it.
    pub line: String,
    /// As `open`, with nothing of the opener but its marker.
    pub bare: String,
    /// The size of the whole, once its end is known.
    pub size: Option<Size>,
    /// Where the marker ends in the opener.
    pub marker: usize,
}

impl Lines {
    /// Puts a line into the fence or table that it begins or goes on, and ends the one that it does not.
    pub(super) fn join_group(&mut self, line: &mut Line, found: &Found) {
        match found.kind {
            Kind::Code | Kind::Closer | Kind::Row => {
                line.group = self.open_group;
                return;
            }
            _ => {}
        }
        if let Some(group) = self.open_group.take() {
            self.close_group(group, line.at, &self.close_of(group));
        }
        let group = match found.kind {
            Kind::Opener => self.fence(line, found),
            Kind::Delimiter => self.table(line),
            _ => return,
        };
        self.groups.push_back(group);
        let number = self.first_group + self.groups.len() - 1;
        line.group = Some(number);
        self.open_group = Some(number);
    }

    pub(super) fn fence(&self, line: &Line, found: &Found) -> Group {
        let before = prefix(self.slice(line.start, line.content));
        let mark = char::from(found.marker.0).to_string().repeat(found.marker.1);
        let opener = format!("{before}{}\n", self.slice(line.content, line.trimmed));
        let close = format!("\n{before}{mark}");
        let quoted = if before.contains('>') { &before } else { "" };
        let bare = format!("{before}{mark}\n");
        let fits = |open: &str, close: &str| {
            room_for(&self.limits, &format!("{open}{quoted}"), close).is_some()
        };
        let mut group = Group {
            start: line.start,
            at: line.at,
            open: opener,
            close,
            line: quoted.to_owned(),
            bare,
            size: None,
            marker: line.content + found.marker.1,
        };
        if !fits(&group.bare, &group.close) {
            // The containers go first, then the fence itself: the limit is kept whatever is lost.
            group.bare = format!("{mark}\n");
            group.close = format!("\n{mark}");
            group.line.clear();
            if room_for(&self.limits, &group.bare, &group.close).is_none() {
                group.bare.clear();
                group.close.clear();
            }
            group.open = group.bare.clone();
        } else if !fits(&group.open, &group.close) {
            group.open = group.bare.clone();
        }
        group
    }

    pub(super) fn table(&self, line: &Line) -> Group {
        let header = self.lines.back().filter(|header| !header.cut);
        let text = |line: &Line| {
            let before = prefix(self.slice(line.start, line.content.min(line.trimmed)));
            format!("{before}{}\n", self.slice(line.content.min(line.trimmed), line.trimmed))
        };
        let header = header.map_or(String::new(), |header| text(header) + &text(line));
        let fits = room_for(&self.limits, &header, &header).is_some();
        Group {
            start: line.start,
            at: line.at,
            open: if fits { header } else { String::new() },
            close: String::new(),
            line: String::new(),
            bare: String::new(),
            size: None,
            marker: line.start,
        }
    }

    /// What closes a group that nothing in the text closes.
    pub(super) fn close_of(&self, number: usize) -> String {
        self.group(number).map_or(String::new(), |group| group.close.clone())
    }

    /// The end of a group is known; `close` has to be said behind it.
    pub(super) fn close_group(&mut self, number: usize, at: Size, close: &str) {
        let close = self.limits.size(close);
        if let Some(group) = self.group_mut(number) {
            group.size = Some(at - group.at + close);
        }
        self.open_group = self.open_group.filter(|open| *open != number);
    }

    pub(super) fn group_mut(&mut self, number: usize) -> Option<&mut Group> {
        self.groups.get_mut(number.checked_sub(self.first_group)?)
    }

    /// Forgets the groups that no line belongs to.
    pub(super) fn forget(&mut self) {
        let used = self.lines.iter().find_map(|line| line.group);
        let used = used.or(self.rest.as_ref().and_then(|rest| rest.group));
        let first = used
            .into_iter()
            .chain(self.open_group)
            .min()
            .unwrap_or(self.first_group + self.groups.len());
        while self.first_group < first && self.groups.pop_front().is_some() {
            self.first_group += 1;
        }
    }
}
