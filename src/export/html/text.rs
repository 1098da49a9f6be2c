//! Markdown of an agent as HTML: its structure, but no raw HTML, no image and no link to anything but a page or a mailbox.

use pulldown_cmark::{
    Alignment, CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream,
};

use super::{element, esc};
use crate::export::visible::{Relative, is_harmless};

/// Bytes of a text that is read as Markdown; a longer one is shown as it stands.
const MAX_MARKDOWN: usize = 1 << 20;

/// Adds a text.
pub(super) fn render(text: &str, out: &mut String) {
    if text.len() > MAX_MARKDOWN {
        element("<pre class=out>", text, "</pre>\n", out);
        return;
    }
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut renderer =
        Renderer { out, ends: Vec::new(), links: 0, code: false, cells: Vec::new(), cell: None };
    for event in TextMergeStream::new(Parser::new_ext(text, options)) {
        renderer.event(event);
    }
}

struct Renderer<'o> {
    out: &'o mut String,
    /// What ends each open link.
    ends: Vec<String>,
    /// Open links.
    links: usize,
    /// True within a code block.
    code: bool,
    /// Alignments of a table's cells, and the cell that comes next; `None` in its body's first rows.
    cells: Vec<Alignment>,
    cell: Option<(usize, &'static str)>,
}

impl Renderer<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.links > 0 || self.code => esc(&text, self.out),
            Event::Text(text) => self.linked(&text),
            Event::Code(text) => {
                self.out.push_str("<code>");
                esc(&text, self.out);
                self.out.push_str("</code>");
            }
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

    fn start(&mut self, tag: Tag<'_>) {
        let open = match tag {
            Tag::Paragraph => "<p>",
            Tag::BlockQuote(_) => "<blockquote>\n",
            Tag::CodeBlock(kind) => {
                self.code = true;
                self.out.push_str("<pre class=code");
                if let CodeBlockKind::Fenced(info) = kind {
                    let language = info.split_whitespace().next().unwrap_or_default();
                    element(" data-lang=\"", language, "\"", self.out);
                }
                "><code>"
            }
            Tag::HtmlBlock => {
                self.code = true;
                "<pre class=code><code>"
            }
            Tag::Heading { level, .. } => {
                self.out.push_str(&format!("<h{}>", (level as usize + 2).min(6)));
                ""
            }
            Tag::List(Some(1)) => "<ol>\n",
            Tag::List(Some(first)) => {
                self.out.push_str(&format!("<ol start={first}>\n"));
                ""
            }
            Tag::List(None) => "<ul>\n",
            Tag::Item => "<li>",
            Tag::Table(alignments) => {
                self.cells = alignments;
                "<div class=table><table>\n"
            }
            Tag::TableHead => {
                self.cell = Some((0, "th"));
                "<tr>"
            }
            Tag::TableRow => {
                self.cell = Some((0, "td"));
                "<tr>"
            }
            Tag::TableCell => {
                self.cell();
                ""
            }
            Tag::Emphasis => "<em>",
            Tag::Strong => "<strong>",
            Tag::Strikethrough => "<s>",
            Tag::Link { link_type: LinkType::Email, dest_url, .. } => {
                self.link(&format!("mailto:{dest_url}"), "");
                ""
            }
            Tag::Link { dest_url, .. } => {
                self.link(&dest_url, "");
                ""
            }
            Tag::Image { dest_url, .. } => {
                self.link(&dest_url, "image: ");
                ""
            }
            _ => "",
        };
        self.out.push_str(open);
    }

    fn end(&mut self, tag: TagEnd) {
        let close = match tag {
            TagEnd::Paragraph => "</p>\n",
            TagEnd::BlockQuote(_) => "</blockquote>\n",
            TagEnd::CodeBlock | TagEnd::HtmlBlock => {
                self.code = false;
                "</code></pre>\n"
            }
            TagEnd::Heading(level) => {
                self.out.push_str(&format!("</h{}>\n", (level as usize + 2).min(6)));
                ""
            }
            TagEnd::List(true) => "</ol>\n",
            TagEnd::List(false) => "</ul>\n",
            TagEnd::Item => "</li>\n",
            TagEnd::Table => "</table></div>\n",
            TagEnd::TableHead | TagEnd::TableRow => "</tr>\n",
            TagEnd::TableCell => {
                let name = self.cell.map_or("td", |(_, name)| name);
                self.out.push_str(&format!("</{name}>"));
                ""
            }
            TagEnd::Emphasis => "</em>",
            TagEnd::Strong => "</strong>",
            TagEnd::Strikethrough => "</s>",
            TagEnd::Link | TagEnd::Image => {
                let end = self.ends.pop().unwrap_or_default();
                self.links -= 1;
                self.out.push_str(&end);
                ""
            }
            _ => "",
        };
        self.out.push_str(close);
    }

    fn cell(&mut self) {
        let (at, name) = self.cell.unwrap_or((0, "td"));
        let class = match self.cells.get(at) {
            Some(Alignment::Right) => " class=right",
            Some(Alignment::Center) => " class=centre",
            _ => "",
        };
        self.out.push_str(&format!("<{name}{class}>"));
        self.cell = Some((at + 1, name));
    }

    /// Begins a link, or the words of one that may not be followed, which its target comes behind.
    fn link(&mut self, target: &str, before: &str) {
        let follows = is_harmless(target, Relative::Refused) && self.links == 0;
        let mut end = "</a>".to_owned();
        if follows {
            element("<a rel=\"noopener noreferrer\" href=\"", target, "\">", self.out);
        } else {
            end.clear();
            element(" <code class=target>", target, "</code>", &mut end);
        }
        self.out.push_str(before);
        self.links += 1;
        self.ends.push(end);
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
                    element(
                        "<a rel=\"noopener noreferrer\" href=\"",
                        &rest[begin..end],
                        "\">",
                        self.out,
                    );
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
