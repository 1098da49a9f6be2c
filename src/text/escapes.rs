//! What a terminal was told, as lines of text: escape sequences go, what was written over goes, and no control character
//! but the line feed and the tab is left. One line is followed, not a screen.

mod plain;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use plain::Plain;
use unicode_width::UnicodeWidthChar;
use vte::{Params, Parser, Perform};

/// A line is held until its end is known, but no more of it than this, in characters: what is longer leaves in pieces.
const MAX_LINE: usize = 4096;

/// A cursor that goes further than this beyond the end of a line, in columns, looks for the screen's edge and leaves no gap.
const MAX_GAP: usize = 256;

/// The second cell of a character that is two columns wide.
const WIDE: char = '\0';

/// What stands for invalid UTF-8.
const REPLACEMENT: &str = "\u{fffd}";

/// A whole text as a terminal would leave it; text without control characters is the same.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.split('\n').all(|line| run(line) == line.len()) {
        return Cow::Borrowed(text);
    }
    let mut escapes = Escapes::default();
    escapes.line.out.reserve(text.len());
    escapes.text(text);
    Cow::Owned(escapes.end())
}

/// Bytes of a text before the first control character other than a tab.
fn run(text: &str) -> usize {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|c| matches!(c, 0..=8 | b'\n'..b' ' | 0x7f | 0xc2)) {
        // U+0080 to U+009F begin with 0xC2, as do some letters.
        if let [0xc2, 0xa0..=0xff, after @ ..] = &rest[at..] {
            rest = after;
        } else {
            return text.len() - rest.len() + at;
        }
    }
    text.len()
}

/// Bytes for a terminal in, text out. The text depends on the bytes alone, not on how they were cut.
///
/// * A line comes out when it ends, or at [`Escapes::end`]: until then it may still be written over.
/// * After a carriage return the next character begins the line anew, so that of a progress bar its last state is left.
///   Backspaces and movements within the line write over single characters.
/// * A movement to another line ends the line that was begun.
/// * Invalid UTF-8 becomes U+FFFD.
#[derive(Default)]
pub struct Escapes {
    parser: Parser,
    line: Line,
    /// The beginning of a character whose rest has not come; at most three bytes.
    begun: Vec<u8>,
}

#[derive(Debug, Default)]
struct Line {
    /// Its cells.
    chars: Vec<char>,
    /// Text behind the cells, not split into cells yet. The cursor is at its end, or has returned. Its bytes, no fewer than
    /// its cells, stay below [`MAX_LINE`].
    tail: String,
    /// Where the next character goes, if there is no tail; at most `chars.len()`.
    at: usize,
    /// The place that was saved.
    saved: Option<usize>,
    /// The last character that was printed, which may be asked for again.
    last: Option<char>,
    /// A carriage return was the last movement.
    returned: bool,
    /// The beginning of the line has left before its end.
    shown: bool,
    /// The line was written over after that: it leaves when it ends.
    busy: bool,
    /// True if a carriage return before a line feed stays.
    keeps_crlf: bool,
    /// An escape has begun a sequence that may not have ended.
    in_sequence: bool,
    out: String,
}

impl Escapes {
    /// Takes the next bytes; the text that is certain by now.
    #[must_use]
    pub fn feed(&mut self, bytes: &[u8]) -> String {
        self.parse(bytes, |escapes, _| escapes.text(REPLACEMENT));
        std::mem::take(&mut self.line.out)
    }

    /// The parser gets whole characters only: what it makes of others depends on how they were cut. `wrong` takes bytes that
    /// are not UTF-8.
    fn parse(&mut self, bytes: &[u8], mut wrong: impl FnMut(&mut Self, &[u8])) {
        let begun = std::mem::take(&mut self.begun);
        let whole = (!begun.is_empty()).then(|| [&begun, bytes].concat());
        let mut chunks = whole.as_deref().unwrap_or(bytes).utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.text(chunk.valid());
            let invalid = chunk.invalid();
            let begun = std::str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
            if begun && chunks.peek().is_none() {
                self.begun.extend_from_slice(invalid);
            } else if !invalid.is_empty() {
                wrong(self, invalid);
            }
        }
    }

    /// Takes whole characters. Only sequences are the parser's: outside of them it knows no more than a line does.
    fn text(&mut self, mut text: &str) {
        let line = &mut self.line;
        while let Some(first) = text.chars().next() {
            line.in_sequence |= first == '\x1b';
            let used = match run(text) {
                _ if line.in_sequence => {
                    self.parser.advance_until_terminated(line, text.as_bytes())
                }
                0 => {
                    line.control(first);
                    first.len_utf8()
                }
                run => {
                    line.run(&text[..run]);
                    run
                }
            };
            text = text.get(used..).unwrap_or_default();
        }
    }

    /// The line that was begun, unless it is being written over: what comes next goes on behind it.
    fn flush(&mut self) -> String {
        let line = &mut self.line;
        let at_end = !line.tail.is_empty() || line.at == line.chars.len();
        if !line.returned && !line.busy && !line.is_empty() && at_end {
            line.release();
            line.shown = true;
        }
        std::mem::take(&mut self.line.out)
    }

    fn is_idle(&self) -> bool {
        self.begun.is_empty() && self.line.is_empty() && !self.line.returned && !self.line.busy
    }

    /// Nothing more comes: the line that was begun, and the state is that of the start.
    #[must_use]
    pub fn end(&mut self) -> String {
        if !std::mem::take(&mut self.begun).is_empty() {
            self.text(REPLACEMENT);
        }
        self.parser = Parser::new();
        self.line.in_sequence = false;
        self.line.release();
        (self.line.shown, self.line.busy) = (false, false);
        std::mem::take(&mut self.line.out)
    }
}

impl Line {
    fn is_empty(&self) -> bool {
        self.chars.is_empty() && self.tail.is_empty()
    }

    /// Text without a control character but the tab.
    fn run(&mut self, mut text: &str) {
        self.last = text.chars().rfind(|c| *c != '\t').or(self.last);
        self.begin();
        while let Some(first) = text.chars().next() {
            let room = MAX_LINE - self.chars.len() - self.tail.len();
            let fits = (0..=room.min(text.len())).rfind(|at| text.is_char_boundary(*at));
            let fits = fits.filter(|_| self.at == self.chars.len()).unwrap_or(0);
            self.tail.push_str(&text[..fits]);
            if fits == 0 {
                self.put(first);
            } else if fits == room {
                if !self.tail.is_ascii() {
                    self.settle();
                }
                self.release_if_long();
            }
            text = &text[fits.max(first.len_utf8())..];
        }
    }

    /// Prepares for text: after a carriage return, the line begins anew.
    fn begin(&mut self) {
        if std::mem::take(&mut self.returned) {
            self.chars.clear();
            self.tail.clear();
            self.at = 0;
            if std::mem::take(&mut self.shown) {
                self.out.push('\n');
                self.busy = true;
            }
        }
    }

    /// The tail becomes cells, for a cursor that goes into it.
    fn settle(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        for c in self.tail.drain(..) {
            self.chars.push(c);
            if c.width() == Some(2) {
                self.chars.push(WIDE);
            }
        }
        if !self.returned {
            self.at = self.chars.len();
        }
    }

    fn put(&mut self, c: char) {
        self.begin();
        self.settle();
        self.set(c);
        if c.width() == Some(2) {
            self.set(WIDE);
        }
        self.release_if_long();
    }

    /// Writes a cell. Of a wide character that loses one of its cells a space is left.
    fn set(&mut self, c: char) {
        let at = self.at;
        if self.chars.get(at) == Some(&WIDE) && c != WIDE {
            self.chars[..at].last_mut().into_iter().for_each(|before| *before = ' ');
        }
        if let Some(after) = self.chars.get_mut(at + 1).filter(|after| **after == WIDE) {
            *after = ' ';
        }
        match self.chars.get_mut(at) {
            Some(under) => *under = c,
            None => self.chars.push(c),
        }
        self.at += 1;
    }

    /// What is held leaves, and the line goes on behind it.
    fn release(&mut self) {
        self.out.extend(self.chars.drain(..).filter(|c| *c != WIDE));
        self.out.push_str(&self.tail);
        self.tail.clear();
        (self.at, self.returned, self.saved) = (0, false, None);
    }

    fn release_if_long(&mut self) {
        if self.chars.len() + self.tail.len() >= MAX_LINE {
            self.release();
        }
    }

    fn end_line(&mut self) {
        self.release();
        (self.shown, self.busy) = (false, false);
        self.out.push('\n');
    }

    /// The cursor leaves the line.
    fn leave(&mut self) {
        if !self.is_empty() || self.shown {
            self.end_line();
        }
    }

    /// The cursor goes to the place that was saved in this line.
    fn restore(&mut self) {
        if let Some(saved) = self.saved {
            (self.at, self.returned) = (saved.min(self.chars.len()), false);
        }
    }

    fn go_to(&mut self, column: usize) {
        self.returned = false;
        let gap = column.saturating_sub(self.chars.len());
        if gap <= MAX_GAP {
            self.chars.extend(std::iter::repeat_n(' ', gap));
        }
        self.at = column.min(self.chars.len());
        self.release_if_long();
    }

    fn control(&mut self, c: char) {
        match c {
            '\t' => self.put('\t'),
            // Line feed, vertical tab, form feed, index, next line.
            '\n' if self.keeps_crlf && self.returned => {
                self.release();
                self.out.push('\r');
                self.end_line();
            }
            '\n' | '\x0b' | '\x0c' | '\u{84}' | '\u{85}' => self.end_line(),
            '\r' => (self.at, self.returned) = (0, true),
            '\x08' => {
                self.settle();
                self.at = self.at.saturating_sub(1);
            }
            _ => {}
        }
    }
}

impl Perform for Line {
    fn print(&mut self, c: char) {
        if c.is_control() {
            self.control(c);
        } else {
            self.last = Some(c);
            self.put(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        self.control(char::from(byte));
    }

    /// Nothing is left of a sequence that has been obeyed.
    fn terminated(&self) -> bool {
        !self.in_sequence
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        self.in_sequence = false;
        // Most sequences are colours.
        if !intermediates.is_empty() || action == 'm' {
            return;
        }
        self.settle();
        let first = params.iter().next().and_then(|p| p.first().copied());
        let first = usize::from(first.unwrap_or_default());
        let count = first.max(1);
        let rest = self.at..self.at.saturating_add(count).min(self.chars.len());
        match (action, first) {
            // Erase in the line, erase in the display.
            ('K' | 'J', 0) => self.chars.truncate(self.at),
            ('K', 2) => (self.chars, self.at) = (Vec::new(), 0),
            ('J', 2 | 3) => self.leave(),
            ('G' | '`', 0 | 1) => (self.at, self.returned) = (0, true),
            ('G' | '`', column) => self.go_to(column - 1),
            ('C' | 'a', _) => self.go_to(self.at + count),
            ('D', _) => self.go_to(self.at.saturating_sub(count)),
            ('P', _) => drop(self.chars.drain(rest)),
            ('X', _) => self.chars.get_mut(rest).unwrap_or_default().fill(' '),
            ('@', _) if self.at < self.chars.len() => {
                let gap = std::iter::repeat_n(' ', count.min(MAX_GAP));
                drop(self.chars.splice(self.at..self.at, gap));
                self.release_if_long();
            }
            ('s', _) => self.saved = Some(self.at),
            ('u', _) => self.restore(),
            ('b', _) => {
                for c in self.last.into_iter().cycle().take(count.min(MAX_LINE)) {
                    self.put(c);
                }
            }
            // Up, down, to another line, anywhere.
            ('A' | 'B' | 'E' | 'F' | 'd' | 'e' | 'H' | 'f', _) => self.leave(),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _: bool, byte: u8) {
        self.in_sequence = false;
        self.settle();
        match (intermediates, byte) {
            // Index, next line.
            ([], b'D' | b'E') => self.end_line(),
            // Reverse index, reset.
            ([], b'M' | b'c') => self.leave(),
            ([], b'7') => self.saved = Some(self.at),
            ([], b'8') => self.restore(),
            _ => {}
        }
    }
}
