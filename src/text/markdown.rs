//! Structure of a line of Markdown, by CommonMark 0.31 and GitHub's tables, as far as cutting needs it. Its beginning and
//! the lines before it decide, so a line need not be complete. HTML blocks are not recognised: no channel has them.

use crate::named::Named;

/// Rule by which a channel finds fences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fences {
    /// As CommonMark 0.31.2 (4.5): a line that begins with three backticks or tildes, up to one of nothing else.
    #[default]
    Lines,
    /// Three backticks or more anywhere, up to the next ones anywhere: Discord, Telegram, Slack and WhatsApp.
    Anywhere,
}

impl Named for Fences {
    const ALL: &'static [(&'static str, &'static str, Self)] =
        &[("lines", "", Self::Lines), ("anywhere", "", Self::Anywhere)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    /// White space alone.
    Blank,
    /// A quote's mark with nothing behind it.
    Gap,
    /// Text of a paragraph, a list item or an indented code block.
    #[default]
    Text,
    /// A heading that begins with `#`.
    Heading,
    /// The line under the text of a heading.
    Underline,
    /// A thematic break.
    Rule,
    /// The line between a table's header and its rows.
    Delimiter,
    Row,
    /// The line that opens a fence.
    Opener,
    /// A line inside a fence.
    Code,
    /// The line that closes a fence.
    Closer,
}

/// Beginning of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub text: &'a str,
    /// Nothing that matters comes behind `text`.
    pub whole: bool,
}

/// Structure of a line.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub kind: Kind,
    /// A block begins with it.
    pub starts: bool,
    /// Bytes of quote marks, list markers and indentation before its text.
    pub content: usize,
    /// Character and length of an opener's marker.
    pub marker: (u8, usize),
    /// Quotes that a line of a paragraph continues without their marks.
    pub lazy: usize,
    /// Columns of its list items, inside the innermost quote.
    pub item: usize,
    /// The next line may continue its paragraph.
    flows: bool,
    matched: usize,
    pushed: Vec<Container>,
    cells: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Quote,
    /// A list item with this many columns of indentation.
    Item(usize),
}

#[derive(Debug, Clone, Copy)]
struct OpenFence {
    marker: (u8, usize),
    /// Number of containers around it.
    depth: usize,
}

/// State between two lines.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    fences: Fences,
    /// Bytes of a line that are read.
    pub most: usize,
    containers: Vec<Container>,
    /// The next line may continue the last one's paragraph.
    paragraph: bool,
    /// Cells of the last line, if it may be a table's header.
    cells: Option<usize>,
    table: bool,
    fence: Option<OpenFence>,
}

impl Scanner {
    pub(super) fn new(fences: Fences, most: usize) -> Self {
        Self { fences, most, ..Self::default() }
    }

    /// Takes note of code between two lines that is recognised elsewhere.
    pub(super) fn interrupt(&mut self) {
        self.paragraph = false;
        self.cells = None;
        self.table = false;
    }

    /// Structure of the next line; `None` if `head` is too short to tell. A longer head never changes the answer.
    pub(super) fn look(&self, head: Head<'_>) -> Option<Found> {
        let mut at = At { bytes: head.text.as_bytes(), pos: 0, column: 0, whole: head.whole };
        let matched = self.matched(&mut at)?;
        let (pad, _) = at.indent();
        if at.pos + pad == head.text.len() {
            return at.whole.then(|| self.blank(head.text, matched));
        }
        if let Some(fence) = self.fence.filter(|f| matched >= f.depth) {
            let kind = fence_line(&at, fence)?;
            return Some(Found::new(kind, at.pos + pad, matched));
        }
        let most = head.text.len() >= self.most;
        let mut found = self.block(at, matched)?;
        // Further backticks may follow the head of so long a line: it is inline code rather than a fence.
        if found.kind == Kind::Opener && found.marker.0 == b'`' && most {
            (found.kind, found.flows) = (Kind::Text, true);
        }
        Some(found)
    }

    /// Number of open containers that the line continues.
    fn matched(&self, at: &mut At<'_>) -> Option<usize> {
        let mut matched = 0;
        for container in &self.containers {
            let (pad, columns) = at.indent();
            let rest = &at.bytes[at.pos + pad..];
            if rest.is_empty() && !at.whole {
                return None;
            }
            match container {
                Container::Quote if columns < 4 && rest.first() == Some(&b'>') => {
                    at.skip(pad + 1);
                    at.columns(1);
                }
                Container::Item(_) if rest.is_empty() => {}
                Container::Item(width) if columns >= *width => at.columns(*width),
                _ => break,
            }
            matched += 1;
        }
        Some(matched)
    }

    fn blank(&self, head: &str, matched: usize) -> Found {
        let in_fence = self.fence.is_some_and(|f| matched >= f.depth);
        let kind = match () {
            () if in_fence => Kind::Code,
            () if head.trim().is_empty() => Kind::Blank,
            () => Kind::Gap,
        };
        Found::new(kind, head.len(), matched)
    }

    /// A line outside of fences: new containers, then their content.
    fn block(&self, mut at: At<'_>, matched: usize) -> Option<Found> {
        let mut pushed = Vec::new();
        loop {
            let (pad, columns) = at.indent();
            let rest = &at.bytes[at.pos + pad..];
            let Some(first) = rest.first() else {
                // A bare marker, or too little of the line.
                let mut found = Found::new(Kind::Text, at.pos + pad, matched);
                found.starts = pushed.iter().any(|c| matches!(c, Container::Item(_)));
                found.kind = if found.starts { Kind::Text } else { Kind::Gap };
                found.pushed = pushed;
                return at.whole.then_some(found);
            };
            // Continued text needs no containers of its own.
            let continues = self.paragraph && pushed.is_empty();
            let all = matched == self.containers.len();
            let start = Start { rest, columns, same: continues && all, whole: at.whole };
            let kind = if columns >= 4 {
                Kind::Text
            } else {
                match self.leaf(&start)? {
                    Kind::Text => match container(&start)? {
                        Some((new, len)) => {
                            at.skip(pad + len);
                            match new {
                                Container::Quote => at.columns(1),
                                Container::Item(width) => {
                                    at.columns(width.saturating_sub(columns + len));
                                }
                            }
                            pushed.push(new);
                            continue;
                        }
                        None if self.table && pushed.is_empty() && all => {
                            // A row of a table if there is a bar in it, else text.
                            match memchr::memchr(b'|', rest) {
                                Some(_) => Kind::Row,
                                None if at.whole => Kind::Text,
                                None => return None,
                            }
                        }
                        None => Kind::Text,
                    },
                    kind => kind,
                }
            };
            let lazy = continues && kind == Kind::Text;
            let mut found =
                Found::new(kind, at.pos + pad, if lazy { self.containers.len() } else { matched });
            found.starts = !pushed.is_empty()
                || matches!(kind, Kind::Heading | Kind::Rule | Kind::Opener)
                || (matched < self.containers.len() && !lazy);
            if kind == Kind::Opener {
                found.marker = (*first, run(rest, *first));
                found.item = item_columns(&self.containers[..matched], &pushed);
            }
            if lazy {
                let open = self.containers[matched..].iter();
                found.lazy = open.filter(|c| **c == Container::Quote).count();
            }
            // Text that is indented further begins no paragraph: it is code.
            if kind == Kind::Text && (columns < 4 || lazy) {
                found.flows = true;
                found.cells = cells(rest);
            }
            found.pushed = pushed;
            return Some(found);
        }
    }

    /// Kind of the line by its start, if that is no container; [`Kind::Text`] for any other.
    fn leaf(&self, start: &Start<'_>) -> Option<Kind> {
        let Start { rest, same, whole, .. } = *start;
        let only = |set: &[u8]| rest.iter().all(|c| set.contains(c));
        let first = rest[0];
        if same && self.cells.is_some() && only(b"-:| \t\r") {
            if !whole {
                return None;
            }
            if rest.contains(&b'-') && cells(rest) == self.cells {
                return Some(Kind::Delimiter);
            }
        }
        match first {
            b'#' => {
                let n = run(rest, b'#');
                match rest.get(n) {
                    None if !whole => None,
                    None | Some(b' ' | b'\t' | b'\r') if n <= 6 => Some(Kind::Heading),
                    _ => Some(Kind::Text),
                }
            }
            b'`' | b'~' if self.fences == Fences::Lines => opener(start, first),
            b'=' | b'-' | b'_' | b'*' if only(&[first, b' ', b'\t', b'\r']) => {
                if !whole {
                    return None;
                }
                let text = rest.trim_ascii_end();
                let count = text.iter().filter(|c| **c == first).count();
                Some(match first {
                    b'=' | b'-' if same && count == text.len() => Kind::Underline,
                    b'-' | b'_' | b'*' if count >= 3 => Kind::Rule,
                    _ => Kind::Text,
                })
            }
            _ => Some(Kind::Text),
        }
    }

    /// Updates the state behind a line.
    pub(super) fn commit(&mut self, found: &Found) {
        self.containers.truncate(found.matched);
        self.containers.extend_from_slice(&found.pushed);
        self.paragraph = found.flows;
        self.cells = found.cells;
        self.table = matches!(found.kind, Kind::Delimiter | Kind::Row);
        self.fence = match found.kind {
            Kind::Opener => Some(OpenFence { marker: found.marker, depth: self.containers.len() }),
            Kind::Code => self.fence,
            _ => None,
        };
    }
}

impl Found {
    fn new(kind: Kind, content: usize, matched: usize) -> Self {
        Self { kind, content, matched, ..Self::default() }
    }
}

/// Start of a line behind its containers.
struct Start<'a> {
    rest: &'a [u8],
    /// Columns of indentation.
    columns: usize,
    /// In the same containers as the paragraph before it.
    same: bool,
    /// As in [`Head`].
    whole: bool,
}

/// A container that begins here, and the length of its mark.
fn container(start: &Start<'_>) -> Option<Option<(Container, usize)>> {
    let Start { rest, columns, same, whole } = *start;
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let len = match rest[0] {
        b'>' => return Some(Some((Container::Quote, 1))),
        b'-' | b'+' | b'*' => 1,
        _ if (1..=9).contains(&digits) => match rest.get(digits) {
            None if !whole => return None,
            // Only a list that begins with 1 interrupts a paragraph.
            Some(b'.' | b')') if !same || &rest[..digits] == b"1" => digits + 1,
            _ => return Some(None),
        },
        _ => return Some(None),
    };
    let behind = &rest[len..];
    let spaces = behind.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
    match behind.get(spaces) {
        None if !whole => None,
        None | Some(b'\r') if same => Some(None),
        None | Some(b'\r') => Some(Some((Container::Item(columns + len + 1), len))),
        Some(_) if spaces == 0 => Some(None),
        // Five spaces or more count as one before an indented code block.
        Some(_) => {
            let width = if spaces > 4 || behind[..spaces].contains(&b'\t') { 1 } else { spaces };
            Some(Some((Container::Item(columns + len + width), len)))
        }
    }
}

/// Columns of list items inside the innermost quote.
fn item_columns(open: &[Container], pushed: &[Container]) -> usize {
    let inner = open.iter().chain(pushed).rev();
    let items = inner.map_while(|container| match container {
        Container::Item(width) => Some(*width),
        Container::Quote => None,
    });
    items.sum()
}

/// A fence opener: a run of three or more, and behind backticks no backtick.
fn opener(start: &Start<'_>, mark: u8) -> Option<Kind> {
    let Start { rest, whole, .. } = *start;
    let n = run(rest, mark);
    let behind = &rest[n..];
    if n < 3 {
        return (whole || !behind.is_empty()).then_some(Kind::Text);
    }
    match mark {
        b'~' => Some(Kind::Opener),
        _ if memchr::memchr(b'`', behind).is_some() => Some(Kind::Text),
        _ => whole.then_some(Kind::Opener),
    }
}

/// Kind of a line inside a fence.
fn fence_line(at: &At<'_>, fence: OpenFence) -> Option<Kind> {
    let (pad, columns) = at.indent();
    let rest = &at.bytes[at.pos + pad..];
    let (mark, len) = fence.marker;
    let n = run(rest, mark);
    let blank = rest[n..].trim_ascii().is_empty();
    if columns >= 4 || n == 0 || !blank || (n < len && n < rest.len()) {
        return Some(Kind::Code);
    }
    at.whole.then_some(if n >= len { Kind::Closer } else { Kind::Code })
}

/// Cells of a table's row; `None` if it has no bar.
fn cells(rest: &[u8]) -> Option<usize> {
    memchr::memchr(b'|', rest)?;
    let row = rest.trim_ascii();
    let row = row.strip_prefix(b"|").unwrap_or(row);
    let row = row.strip_suffix(b"|").unwrap_or(row);
    let mut escaped = false;
    let bars = row.iter().filter(|c| {
        let bar = **c == b'|' && !escaped;
        escaped = **c == b'\\' && !escaped;
        bar
    });
    Some(bars.count() + 1)
}

fn run(bytes: &[u8], mark: u8) -> usize {
    bytes.iter().take_while(|c| **c == mark).count()
}

/// Position in a line, in bytes and in columns: a tab advances to the next multiple of four.
struct At<'a> {
    bytes: &'a [u8],
    pos: usize,
    column: usize,
    /// As in [`Head`].
    whole: bool,
}

impl At<'_> {
    /// Bytes and columns of the white space at this position.
    fn indent(&self) -> (usize, usize) {
        let mut column = self.column;
        let rest = &self.bytes[self.pos..];
        let blank = rest.iter().take_while(|c| matches!(c, b' ' | b'\t' | b'\r' | 0x0B | 0x0C));
        let mut bytes = 0;
        for c in blank {
            column += if *c == b'\t' { 4 - column % 4 } else { 1 };
            bytes += 1;
        }
        (bytes, column - self.column)
    }

    fn skip(&mut self, bytes: usize) {
        for c in &self.bytes[self.pos..self.pos + bytes] {
            self.column += if *c == b'\t' { 4 - self.column % 4 } else { 1 };
        }
        self.pos += bytes;
    }

    /// Skips white space of at most this many columns.
    fn columns(&mut self, columns: usize) {
        let to = self.column + columns;
        while self.column < to && matches!(self.bytes.get(self.pos), Some(b' ' | b'\t')) {
            self.skip(1);
        }
    }
}
