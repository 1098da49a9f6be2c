//! Markdown of an agent within other Markdown: its source with as few edits as keep it in its place.
//!
//! Raw HTML is escaped, headings go below ours, a link with a scheme of its own is text, an image is a link to it, a link to a
//! definition elsewhere is written out, an open fence is closed. What then still is not in its place is a block of code.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag};

use super::fenced;
use crate::export::visible::{self, Relative, is_harmless};

/// Bytes of a text that is read as Markdown; a longer one is a block of code.
const MAX_MARKDOWN: usize = 1 << 20;

/// Level above the headings of an agent: that of a turn.
const ABOVE: usize = 3;

/// Readings after which a text must be in its place.
const MAX_READINGS: usize = 3;

/// Adds a text, which ends with a line feed.
pub(super) fn push(text: &str, out: &mut String) {
    let mut shown = String::new();
    visible::push(text.trim_end(), &mut shown, visible::bare);
    let mut safe =
        if text.len() > MAX_MARKDOWN { None } else { edited(shown.clone(), Pass::First) };
    for _ in 1..MAX_READINGS {
        safe = safe.and_then(
            |(text, edits)| if edits == 0 { Some((text, 0)) } else { edited(text, Pass::Again) },
        );
    }
    match safe.filter(|(text, edits)| *edits == 0 && is_in_place(text)) {
        Some((safe, _)) => {
            out.push_str(&safe);
            out.push('\n');
        }
        None => fenced(&shown, "text", out),
    }
}

/// Reading of a text: the first moves every heading, a later one those that an edit made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    First,
    Again,
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
}

/// True if a paragraph behind the text is one of its own.
fn is_in_place(text: &str) -> bool {
    let probe = format!("{text}\n\nx\n");
    let mut depth = 0usize;
    let mut last = (usize::MAX, 0..0);
    for (event, range) in Parser::new_ext(&probe, options()).into_offset_iter() {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Text(_) => last = (depth, range),
            Event::Html(_) | Event::InlineHtml(_) => return false,
            _ => {}
        }
    }
    last == (1, probe.len() - 2..probe.len() - 1)
}

/// The text with its edits, and their number; `None` if they overlap.
fn edited(text: String, pass: Pass) -> Option<(String, usize)> {
    let mut editor = Editor {
        text: &text,
        pass,
        edits: Vec::new(),
        open: Vec::new(),
        inner: 0,
        broken: None,
        fence: None,
    };
    let parser = Parser::new_ext(&text, options());
    let definitions: Vec<Range<usize>> =
        parser.reference_definitions().iter().map(|(_, def)| def.span.clone()).collect();
    for (event, range) in parser.into_offset_iter() {
        editor.event(event, range);
    }
    definitions.into_iter().for_each(|span| editor.edit(span, ""));
    let Editor { mut edits, fence, .. } = editor;
    if edits.is_empty() && fence.is_none() {
        return Some((text, 0));
    }
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let (mut out, mut copied) = (String::with_capacity(text.len() + text.len() / 8), 0);
    for (range, new) in &edits {
        out.push_str(text.get(copied..range.start)?);
        out.push_str(new);
        copied = range.end;
    }
    out.push_str(&text[copied..]);
    if let Some(fence) = &fence {
        out.push('\n');
        out.push_str(fence);
    }
    Some((out, edits.len() + usize::from(fence.is_some())))
}

struct Editor<'t> {
    text: &'t str,
    pass: Pass,
    edits: Vec<(Range<usize>, Cow<'static, str>)>,
    /// Open elements.
    open: Vec<Element<'t>>,
    /// End of the last event within the open element.
    inner: usize,
    /// Begin of a line break within a heading that must become one line.
    broken: Option<usize>,
    /// Closing fence that the text lacks.
    fence: Option<String>,
}

enum Element<'t> {
    Code(CodeBlockKind<'t>),
    /// Heading that is underlined.
    Underlined,
    /// Link to a definition elsewhere, with its target.
    Reference(String),
    Html,
    Other,
}

impl<'t> Editor<'t> {
    fn edit(&mut self, range: Range<usize>, new: impl Into<Cow<'static, str>>) {
        self.edits.push((range, new.into()));
    }

    fn event(&mut self, event: Event<'t>, range: Range<usize>) {
        if let Some(begin) = self.broken.take_if(|_| !matches!(event, Event::End(_))) {
            self.edit(begin..range.start, " ");
        }
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(_) => self.end(range),
            Event::Html(_) => self.literal(range, |byte| byte.is_ascii_punctuation()),
            Event::InlineHtml(_) => self.literal(range, |byte| b"<>&[]`*_\\".contains(&byte)),
            Event::FootnoteReference(_) => self.edit(range.start..range.start, "\\"),
            Event::Text(text) => self.plain(&text, range),
            Event::SoftBreak | Event::HardBreak => {
                if matches!(
                    self.open.iter().rev().find(|e| !matches!(e, Element::Other)),
                    Some(Element::Underlined)
                ) {
                    self.broken = Some(range.start);
                }
            }
            _ => self.inner = self.inner.max(range.end),
        }
    }

    /// Escapes the marks of a text that is none of our Markdown.
    fn literal(&mut self, range: Range<usize>, special: impl Fn(u8) -> bool) {
        let bytes = self.text.as_bytes();
        for at in range.clone() {
            if special(bytes[at]) {
                self.edit(at..at, "\\");
            }
        }
        self.inner = self.inner.max(range.end);
    }

    /// Text of a paragraph: a character reference to a hidden character becomes visible, a bracket that other readers may take
    /// for HTML is escaped.
    fn plain(&mut self, text: &str, range: Range<usize>) {
        self.inner = self.inner.max(range.end);
        if matches!(self.open.last(), Some(Element::Code(_) | Element::Html)) {
            return;
        }
        let source = &self.text[range.clone()];
        if source.starts_with('&') && source != text {
            let mut shown = String::new();
            visible::push(text, &mut shown, |byte| if byte == b'<' { "\\<" } else { "" });
            if shown != text && text != "<" {
                self.edit(range, shown);
            }
            return;
        }
        let escaped = range.start > 0 && self.text.as_bytes()[range.start - 1] == b'\\';
        for (at, _) in source.match_indices('<').filter(|(at, _)| *at > 0 || !escaped) {
            self.edit(range.start + at..range.start + at, "\\");
        }
    }

    fn start(&mut self, tag: Tag<'t>, range: Range<usize>) {
        let mut element = Element::Other;
        let first = self.text.as_bytes().get(range.start).copied();
        match tag {
            Tag::CodeBlock(kind) => element = Element::Code(kind),
            Tag::HtmlBlock => element = Element::Html,
            Tag::Heading { level, .. } => {
                let level = level as usize;
                let marks = "#".repeat((level + ABOVE).min(6));
                if first != Some(b'#') {
                    self.edit(range.start..range.start, marks + " ");
                    element = Element::Underlined;
                } else if self.pass == Pass::First || level <= ABOVE {
                    self.edit(range.start..range.start + level, marks);
                }
            }
            Tag::FootnoteDefinition(_) => self.edit(range.start..range.start, "\\"),
            Tag::Link { dest_url, .. } if !is_harmless(&dest_url, Relative::Allowed) => {
                self.edit(range.start..range.start, "\\");
            }
            Tag::Link {
                link_type: LinkType::Inline | LinkType::Autolink | LinkType::Email,
                ..
            } => {}
            Tag::Image { dest_url, .. } if !is_harmless(&dest_url, Relative::Allowed) => {
                self.edit(range.start..range.start + 2, "\\!\\[");
            }
            Tag::Link { dest_url, .. } => {
                element = Element::Reference(dest_url.into_string());
            }
            Tag::Image { link_type, dest_url, .. } => {
                self.edit(range.start..range.start + 1, "image: ");
                if link_type != LinkType::Inline {
                    element = Element::Reference(dest_url.into_string());
                }
            }
            _ => {}
        }
        self.inner = range.start;
        self.open.push(element);
    }

    fn end(&mut self, range: Range<usize>) {
        match self.open.pop() {
            Some(Element::Reference(target)) => {
                // Behind the words of the link stands the name of its definition.
                let begin = self.inner.max(range.start + 1);
                let target: String = target
                    .chars()
                    .map(|c| if c <= ' ' || "<>\\".contains(c) { '-' } else { c })
                    .collect();
                // The range of a link to the definition of its own words ends before its empty brackets.
                let tail = &self.text[range.end..];
                let empty = tail.starts_with("[]") && !self.text[..range.end].ends_with("[]");
                let end = if empty { range.end + 2 } else { range.end };
                self.edit(begin..end, format!("](<{target}>)"));
            }
            Some(Element::Underlined) => {
                self.broken = None;
                let end =
                    if self.text[..range.end].ends_with('\n') { range.end - 1 } else { range.end };
                self.edit(self.inner..end, "");
            }
            Some(Element::Code(CodeBlockKind::Fenced(_)))
                if range.end >= self.text.len() && self.open.is_empty() =>
            {
                self.fence = open_fence(&self.text[range.clone()]);
            }
            _ => {}
        }
        self.inner = self.inner.max(range.end);
    }
}

/// Closing fence of a block, unless its last line is one.
fn open_fence(block: &str) -> Option<String> {
    let mark = block.trim_start().chars().next()?;
    let length = |line: &str| line.trim_start().chars().take_while(|c| *c == mark).count();
    let mut lines = block.trim_end().lines();
    let opener = length(lines.next()?);
    let closed = lines.next_back().is_some_and(|line| {
        let line = line.trim_end();
        let indent = line.len() - line.trim_start().len();
        indent < 4 && length(line) >= opener && line.trim().chars().all(|c| c == mark)
    });
    (!closed).then(|| mark.to_string().repeat(opener))
}
