//! A line of stream-json, read in one pass: its fields as they stand, and the content of its message or partial message.

use std::borrow::Cow;

use super::super::keys::{ANY, Keys};
use super::tally::counts;
use crate::codec::{self, Cursor, Fields};
use crate::event::Usage;

/// Types of the lines of which not all fields are emitted.
const READ_IN_PART: [&str; 4] = ["\"assistant\"", "\"user\"", "\"stream_event\"", "\"result\""];

/// Any line; a message or an event of another shape than this counts as none.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub fields: Fields<'a>,
    /// The `message` of an `assistant` or `user` line.
    pub body: Option<Body<'a>>,
    /// The `event` of a `stream_event` line.
    pub event: Option<StreamEvent<'a>>,
    pub type_: Cow<'a, str>,
    /// The tool call under which a sub-agent says it.
    pub parent: Option<Cow<'a, str>>,
    /// The `usage` of a `result` line.
    pub usage: Option<Usage>,
    /// True if there is a key that the adapter does not know.
    pub odd: bool,
}

/// The message of an agent or a user.
#[derive(Debug, Default)]
pub(super) struct Body<'a> {
    pub odd: bool,
    pub id: Option<Cow<'a, str>>,
    pub content: Content<'a>,
    pub usage: Option<Usage>,
}

#[derive(Debug, Default)]
pub(super) enum Content<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Blocks(Vec<ContentBlock<'a>>),
}

/// One block of content, of any type, or a delta of one.
#[derive(Debug, Default)]
pub(super) struct ContentBlock<'a> {
    pub odd: bool,
    pub type_: Cow<'a, str>,
    pub text: Option<Cow<'a, str>>,
    pub thinking: Option<Cow<'a, str>>,
    pub partial_json: Option<Cow<'a, str>>,
    pub id: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub input: Option<&'a str>,
    pub tool_use_id: Option<Cow<'a, str>>,
    pub content: Option<&'a str>,
    pub is_error: bool,
}

#[derive(Debug, Default)]
pub(super) struct StreamEvent<'a> {
    pub odd: bool,
    pub type_: Cow<'a, str>,
    pub index: u64,
    /// The block that begins, or the delta of one.
    pub block: Option<ContentBlock<'a>>,
    pub message: Option<Body<'a>>,
}

impl<'a> Message<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// That it is no JSON object.
    pub(super) fn read(line: &'a str, keys: &Keys) -> serde_json::Result<Self> {
        codec::pull(line, |at| Self::pull(at, keys))
    }

    fn pull(at: &mut Cursor<'a>, mut keys: &Keys) -> Option<Self> {
        let mut fields = Vec::with_capacity(16);
        let (mut body, mut event): (Option<Body<'a>>, Option<StreamEvent<'a>>) = (None, None);
        let (mut type_, mut parent, mut usage) = (None, None, None);
        let (mut twice, mut odd) = (false, false);
        at.members(|at, key| {
            let raw;
            match &*key {
                "type" => {
                    raw = at.raw()?;
                    type_ = codec::text(raw);
                    // The status of any other line has all of its fields.
                    if !READ_IN_PART.contains(&raw) {
                        keys = &ANY;
                    }
                }
                "parent_tool_use_id" => {
                    raw = at.raw()?;
                    parent = codec::text(raw);
                }
                "usage" if at.peek() == Some(b'{') => {
                    let counted;
                    (raw, counted) = at.part(|at| counts(at, keys))?;
                    odd |= counted.is_none_or(|(_, odd)| odd);
                    usage = counted.map(|(usage, _)| usage);
                }
                "message" if body.is_none() => {
                    (raw, body) = at.part(|at| Body::pull(at, keys))?;
                    odd |= body.as_ref().is_none_or(|body| body.odd);
                }
                "event" if event.is_none() => {
                    (raw, event) = at.part(|at| StreamEvent::pull(at, keys))?;
                    odd |= event.as_ref().is_none_or(|event| event.odd);
                }
                key => {
                    twice |= matches!(key, "message" | "event");
                    let found;
                    (raw, found) = at.span(|at| keys.skip(at, key))?;
                    odd |= found;
                }
            }
            fields.push((key, raw));
            Some(())
        })?;
        let fields = Fields(fields);
        Some(Self {
            odd: odd || twice,
            body: body.filter(|_| !twice),
            event: event.filter(|_| !twice),
            type_: type_.unwrap_or_default(),
            parent,
            usage,
            fields,
        })
    }
}

impl<'a> Body<'a> {
    fn pull(at: &mut Cursor<'a>, keys: &Keys) -> Option<Self> {
        let mut body = Self::default();
        at.members(|at, key| {
            let key = &*key;
            match key {
                "id" => text(at, &mut body.id)?,
                "content" if matches!(body.content, Content::None) => {
                    body.content = match at.peek()? {
                        b'"' => Content::Text(at.text()?),
                        b'[' => Content::Blocks(blocks(at, keys)?),
                        b'n' => at.raw().map(|_| Content::None)?,
                        _ => return None,
                    }
                }
                "content" => return None,
                "usage" if at.peek() == Some(b'{') => {
                    let (usage, odd) = counts(at, keys)?;
                    body.odd |= odd;
                    once(&mut body.usage, Some(usage))?;
                }
                key => body.odd |= keys.skip(at, key)?,
            }
            Some(())
        })?;
        if let Content::Blocks(blocks) = &body.content {
            body.odd |= blocks.iter().any(|block| block.odd);
        }
        Some(body)
    }
}

fn text<'a>(at: &mut Cursor<'a>, field: &mut Option<Cow<'a, str>>) -> Option<()> {
    once(field, at.optional(Cursor::text)?)
}

/// Takes a value as it stands; true if there is an unknown key in it.
fn raw<'a>(
    at: &mut Cursor<'a>,
    key: &str,
    field: &mut Option<&'a str>,
    keys: &Keys,
) -> Option<bool> {
    let (raw, odd) = at.span(|at| keys.skip(at, key))?;
    once(field, Some(raw).filter(|raw| *raw != "null"))?;
    Some(odd)
}

/// Takes a field of an object. One that stands twice leaves the choice to nobody: the object is of no known shape.
fn once<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    let first = field.is_none();
    *field = value;
    first.then_some(())
}

pub(super) fn blocks<'a>(at: &mut Cursor<'a>, keys: &Keys) -> Option<Vec<ContentBlock<'a>>> {
    let mut blocks = Vec::new();
    at.elements(|at| {
        blocks.push(ContentBlock::pull(at, keys)?);
        Some(())
    })?;
    Some(blocks)
}

impl<'a> ContentBlock<'a> {
    fn pull(at: &mut Cursor<'a>, keys: &Keys) -> Option<Self> {
        let mut block = Self::default();
        at.members(|at, key| {
            let key = &*key;
            match key {
                "type" => block.type_ = at.text()?,
                "text" => text(at, &mut block.text)?,
                "thinking" => text(at, &mut block.thinking)?,
                "partial_json" => text(at, &mut block.partial_json)?,
                "id" => text(at, &mut block.id)?,
                "name" => text(at, &mut block.name)?,
                "input" => block.odd |= raw(at, key, &mut block.input, keys)?,
                "tool_use_id" => text(at, &mut block.tool_use_id)?,
                "content" => block.odd |= raw(at, key, &mut block.content, keys)?,
                "is_error" => block.is_error = at.raw()? == "true",
                key => block.odd |= keys.skip(at, key)?,
            }
            Some(())
        })?;
        Some(block)
    }
}

impl<'a> StreamEvent<'a> {
    fn pull(at: &mut Cursor<'a>, keys: &Keys) -> Option<Self> {
        let mut event = Self::default();
        at.members(|at, key| {
            match &*key {
                "type" => event.type_ = at.text()?,
                "index" => event.index = at.optional(Cursor::raw)?.unwrap_or("0").parse().ok()?,
                "delta" | "content_block" => {
                    once(&mut event.block, at.optional(|at| ContentBlock::pull(at, keys))?)?;
                }
                "message" => once(&mut event.message, at.optional(|at| Body::pull(at, keys))?)?,
                key => event.odd |= keys.skip(at, key)?,
            }
            Some(())
        })?;
        event.odd |= event.block.as_ref().is_some_and(|block| block.odd)
            || event.message.as_ref().is_some_and(|message| message.odd);
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// True if a message was read, and whether a partial one was.
    fn read(line: &str) -> (bool, bool) {
        let message = Message::read(line, &ANY).unwrap();
        assert!(message.fields.get("type").is_some());
        (message.body.is_some(), message.event.is_some())
    }

    #[test]
    fn odd_values_are_left_alone_where_nothing_is_said() {
        let line = r#"{"message":{"content":[{"type":"text","text":"a","x":[1,{"text":2}]}],"id":null},"type":"user"}"#;
        assert_eq!(read(line), (true, false));
        let line = r#"{"type":"stream_event","event":{"type":"ping","index":null},"message":7}"#;
        assert_eq!(read(line), (false, true));
    }

    #[test]
    fn what_stands_twice_is_not_chosen_from() {
        for line in [
            r#"{"type":"assistant","message":{"content":[{"type":"text","text":"a","text":"b"}]}}"#,
            r#"{"type":"assistant","message":{"content":[],"content":"b"}}"#,
            r#"{"type":"assistant","message":{"content":[]},"message":{"content":"b"}}"#,
            r#"{"type":"stream_event","event":{"type":"x","delta":{"text":"a","text":"b"}}}"#,
            r#"{"type":"stream_event","event":{"type":"x"},"event":{"type":"y"}}"#,
        ] {
            assert_eq!(read(line), (false, false), "{line}");
        }
    }

    #[test]
    fn half_a_character_makes_a_text_of_no_known_shape() {
        let line =
            r#"{"type":"assistant","message":{"content":[{"type":"text","text":"\ud83d"}]}}"#;
        assert_eq!(read(line), (false, false));
        let line = r#"{"type":"assistant","message":{"content":[{"type":"tool_use","input":{"\ud83d":"\ud83d"}}]}}"#;
        assert_eq!(read(line), (true, false));
    }
}
