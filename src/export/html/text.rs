//! Markdown of an agent as HTML: its structure, but no raw HTML, no image and no link to anything but a page or a mailbox.

use std::borrow::Cow;

use pulldown_cmark::{
    Alignment, CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream,
};

use super::{element, esc};
use crate::export::visible::{Relative, is_harmless};

/// Bytes of a text that is read as Markdown; a longer one is shown as it stands.
const MAX_MARKDOWN: usize = 1 << 20;

/// Beginning of a link, up to its target.
const LINK: &str = "<a rel=\"noopener noreferrer\" href=\"";

/// Adds a text.
pub(super) fn render(text: &str, out: &mut String) {
    if text.len() > MAX_MARKDOWN {
        element("<pre class=out>", text, "</pre>\n", out);
        return;
    }
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut renderer = Renderer {
        out,
        ends: Vec::new(),
        links: 0,
        code: false,
        cells: Vec::new(),
        cell: (0, "td"),
    };
    for event in TextMergeStream::new(Parser::new_ext(text, options)) {
        renderer.event(event);
    }
}

struct Renderer<'o> {
    out: &'o mut String,
    /// End tag of each open element.
    ends: Vec<Cow<'static, str>>,
    /// Open links.
    links: usize,
    /// True within a code block.
    code: bool,
    /// Alignments of a table's cells, the number of the next cell, and what a cell of its row is.
    cells: Vec<Alignment>,
    cell: (usize, &'static str),
}

impl Renderer<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => {
                let end = self.start(tag);
                self.ends.push(end);
            }
            Event::End(tag) => {
                self.code &= !matches!(tag, TagEnd::CodeBlock | TagEnd::HtmlBlock);
                self.links -= usize::from(matches!(tag, TagEnd::Link | TagEnd::Image));
                let end = self.ends.pop().unwrap_or_default();
                self.out.push_str(&end);
            }
            Event::Text(text) if self.links > 0 || self.code => esc(&text, self.out),
            Event::Text(text) => self.linked(&text),
            Event::Code(text) => element("<code>", &text, "</code>", self.out),
            Event::SoftBreak => self.out.push('\n'),
            Event::HardBreak => self.out.push_str("<br>\n"),
            Event::Rule => self.out.push_str("<hr>\n"),
            Event::TaskListMarker(done) => {
                let checked = if done { " checked" } else { "" };
                self.out.push_str(&format!("<input type=checkbox disabled{checked}> "));
            }
            // Raw HTML is shown as text.
            Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => esc(&text, self.out),
        }
    }

    /// Begins an element; returns what ends it.
    fn start(&mut self, tag: Tag<'_>) -> Cow<'static, str> {
        let (open, close) = match tag {
            Tag::Paragraph => ("<p>", "</p>\n"),
            Tag::BlockQuote(_) => ("<blockquote>\n", "</blockquote>\n"),
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
                self.code = true;
                self.out.push_str("<pre class=code");
                let language = info.split_whitespace().next().unwrap_or_default();
                element(" data-lang=\"", language, "\"", self.out);
                ("><code>", "</code></pre>\n")
            }
            Tag::CodeBlock(_) | Tag::HtmlBlock => {
                self.code = true;
                ("<pre class=code><code>", "</code></pre>\n")
            }
            Tag::Heading { level, .. } => {
                let level = (level as usize + 2).min(6);
                self.out.push_str(&format!("<h{level}>"));
                return format!("</h{level}>\n").into();
            }
            Tag::List(Some(first)) => {
                self.out.push_str(&format!("<ol start={first}>\n"));
                ("", "</ol>\n")
            }
            Tag::List(None) => ("<ul>\n", "</ul>\n"),
            Tag::Item => ("<li>", "</li>\n"),
            Tag::Table(alignments) => {
                self.cells = alignments;
                ("<div class=table><table>\n", "</table></div>\n")
            }
            Tag::TableHead | Tag::TableRow => {
                self.cell = (0, if matches!(tag, Tag::TableHead) { "th" } else { "td" });
                ("<tr>", "</tr>\n")
            }
            Tag::TableCell => return self.cell().into(),
            Tag::Emphasis => ("<em>", "</em>"),
            Tag::Strong => ("<strong>", "</strong>"),
            Tag::Strikethrough => ("<s>", "</s>"),
            Tag::Link { link_type: LinkType::Email, dest_url, .. } => {
                return self.link(&format!("mailto:{dest_url}"), "").into();
            }
            Tag::Link { dest_url, .. } => return self.link(&dest_url, "").into(),
            Tag::Image { dest_url, .. } => return self.link(&dest_url, "image: ").into(),
            _ => ("", ""),
        };
        self.out.push_str(open);
        close.into()
    }

    fn cell(&mut self) -> String {
        let (at, name) = self.cell;
        let class = match self.cells.get(at) {
            Some(Alignment::Right) => " class=right",
            Some(Alignment::Center) => " class=centre",
            _ => "",
        };
        self.out.push_str(&format!("<{name}{class}>"));
        self.cell = (at + 1, name);
        format!("</{name}>")
    }

    /// Begins a link, or the words of one that may not be followed, behind which its target comes; returns what ends it.
    fn link(&mut self, target: &str, before: &str) -> String {
        let mut end = String::new();
        if is_harmless(target, Relative::Refused) && self.links == 0 {
            element(LINK, target, "\">", self.out);
            end.push_str("</a>");
        } else {
            element(" <code class=target>", target, "</code>", &mut end);
        }
        self.out.push_str(before);
        self.links += 1;
        end
    }

    /// Text in which addresses that stand bare are links.
    fn linked(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find("://") {
            let begin =
                ["https", "http"].iter().find(|s| rest[..at].ends_with(**s)).map(|s| at - s.len());
            let tail = &rest[at + 3..];
            let end =
                tail.find(|c: char| c.is_whitespace() || c.is_control() || "<>\"`|\\".contains(c));
            let address = tail[..end.unwrap_or(tail.len())]
                .trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*', '_']);
            let end = at + 3 + address.len();
            match begin.filter(|_| !address.is_empty()) {
                Some(begin) => {
                    esc(&rest[..begin], self.out);
                    element(LINK, &rest[begin..end], "\">", self.out);
                    esc(&rest[begin..end], self.out);
                    self.out.push_str("</a>");
                }
                None => esc(&rest[..end], self.out),
            }
            rest = &rest[end..];
        }
        esc(rest, self.out);
    }
}
