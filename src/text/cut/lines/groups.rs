//! Fences and tables: text that is repeated where a part begins inside one, and whether one fits into a part.

use super::containers::{indent_columns, item_line, item_mark, prefix, quote};
use super::{Line, Lines};
use crate::text::cut::room_for;
use crate::text::markdown::{Found, Kind};
use crate::text::units::Size;

/// A fence, or a table.
#[derive(Debug, Clone, Default)]
pub(in crate::text::cut) struct Group {
    pub start: usize,
    pub at: Size,
    /// Put before a part that begins inside, and behind one that ends inside.
    pub open: String,
    pub close: String,
    /// Marks before the text of a fence's line, where a quote needs them.
    pub line: String,
    /// `open` with only the marker of the opener.
    pub bare: String,
    /// Put before a part that begins with an opener so deep in a list that alone it would be code.
    pub item: String,
    /// Size of the whole, once its end is known.
    pub size: Option<Size>,
    /// End of the marker in the opener.
    pub marker: usize,
}

impl Lines {
    /// Adds a line to the fence or table that it begins or continues, and ends any other.
    pub(super) fn join_group(&mut self, line: &mut Line, found: &Found) {
        if matches!(found.kind, Kind::Code | Kind::Closer | Kind::Row) {
            line.group = self.open_group;
            return;
        }
        self.end_group();
        let group = match found.kind {
            Kind::Opener => self.fence(line, found),
            Kind::Delimiter => self.table(line),
            _ => return,
        };
        line.group = Some(self.begin_group(group));
    }

    /// Opens a group; returns its number.
    pub(super) fn begin_group(&mut self, group: Group) -> usize {
        self.groups.push_back(group);
        let number = self.first_group + self.groups.len() - 1;
        self.open_group = Some(number);
        number
    }

    pub(super) fn fence(&self, line: &Line, found: &Found) -> Group {
        let marks = self.slice(line.start, line.content);
        let (before, quotes) = (prefix(marks), quote(marks, 0));
        let mark = char::from(found.marker.0).to_string().repeat(found.marker.1);
        // Alone, so deep an indentation would be code of its own, so the list item is repeated.
        let columns = indent_columns(&before);
        let deep = found.item > 0 && columns >= 4;
        let again = if deep { format!("{quotes}{}", item_mark(columns)) } else { before.clone() };
        let unmarked = marks.trim_matches(['>', ' ', '\t']).is_empty();
        let item = (deep && unmarked).then(|| quotes.clone() + &item_line(found.item));
        let group = Group {
            start: line.start,
            at: line.at,
            open: format!("{again}{}\n", self.slice(line.content, line.trimmed)),
            close: format!("\n{before}{mark}"),
            line: if quotes.is_empty() { quotes } else { before },
            bare: format!("{again}{mark}\n"),
            item: item.unwrap_or_default(),
            size: None,
            marker: line.content + found.marker.1,
        };
        self.in_room(group, (format!("{mark}\n"), format!("\n{mark}")))
    }

    /// The group with only as much around a part as leaves room in it; `alone`: opening and closing without containers.
    pub(super) fn in_room(&self, mut group: Group, alone: (String, String)) -> Group {
        let fits = |open: &str, line: &str, close: &str| {
            room_for(&self.limits, &format!("{open}{line}"), close).is_some()
        };
        if !fits(&group.bare, &group.line, &group.close) {
            // The containers go first, then the fence itself: the limit is kept whatever is lost.
            (group.bare, group.close) = alone;
            group.line.clear();
            if !fits(&group.bare, "", &group.close) {
                group.bare.clear();
                group.close.clear();
            }
            group.open = group.bare.clone();
        } else if !fits(&group.open, &group.line, &group.close) {
            group.open = group.bare.clone();
        }
        group
    }

    pub(super) fn table(&self, line: &Line) -> Group {
        let header = self.whole.back().filter(|header| !header.cut);
        let text = |line: &Line| {
            let before = prefix(self.slice(line.start, line.content.min(line.trimmed)));
            format!("{before}{}\n", self.slice(line.content.min(line.trimmed), line.trimmed))
        };
        let header = header.map_or(String::new(), |header| text(header) + &text(line));
        let fits = room_for(&self.limits, &header, &header).is_some();
        let open = if fits { header } else { String::new() };
        Group { start: line.start, at: line.at, open, marker: line.start, ..Group::default() }
    }

    /// Ends the open group, which the text itself leaves open, with its closing put behind it.
    pub(super) fn end_group(&mut self) {
        if let Some(number) = self.open_group {
            let close = self.group(number).map(|group| self.limits.size(&group.close));
            self.close_group(number, self.at + close.unwrap_or_default());
        }
    }

    /// Notes that a group ends where all text up to its end has this size.
    pub(super) fn close_group(&mut self, number: usize, end: Size) {
        if let Some(group) = self.group_mut(number) {
            group.size = Some(end - group.at);
        }
        self.open_group = self.open_group.filter(|open| *open != number);
    }

    pub(super) fn group_mut(&mut self, number: usize) -> Option<&mut Group> {
        self.groups.get_mut(number.checked_sub(self.first_group)?)
    }

    /// Forgets the groups that no line belongs to.
    pub(super) fn forget(&mut self) {
        let used = self.whole.iter().chain(&self.rest).find_map(|line| line.group);
        let end = self.first_group + self.groups.len();
        let first = used.into_iter().chain(self.open_group).min().unwrap_or(end);
        while self.first_group < first && self.groups.pop_front().is_some() {
            self.first_group += 1;
        }
    }
}
