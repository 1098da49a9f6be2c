//! A line of stream-json, read in one pass: its fields as they stand, and what its message or its partial message says.

use std::borrow::Cow;

use crate::codec::{self, Cursor, Fields};

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
}

/// What an agent or a user says.
#[derive(Debug, Default)]
pub(super) struct Body<'a> {
    pub id: Option<Cow<'a, str>>,
    pub content: Content<'a>,
    pub usage: Option<&'a str>,
}

/// A string, or blocks.
#[derive(Debug, Default)]
pub(super) enum Content<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Blocks(Vec<Block<'a>>),
}

/// One block of content, of any type.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    pub type_: Cow<'a, str>,
    pub text: Option<Cow<'a, str>>,
    pub thinking: Option<Cow<'a, str>>,
    pub id: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub input: Option<&'a str>,
    pub tool_use_id: Option<Cow<'a, str>>,
    pub content: Option<&'a str>,
    pub is_error: bool,
}

/// An event of the Messages API.
#[derive(Debug, Default)]
pub(super) struct StreamEvent<'a> {
    pub type_: Cow<'a, str>,
    pub index: u64,
    pub delta: Option<Delta<'a>>,
    pub content_block: Option<Block<'a>>,
    /// The id of the message that begins.
    pub message: Option<Cow<'a, str>>,
}

/// The `delta` of a `content_block_delta`.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    pub type_: Cow<'a, str>,
    pub text: Option<Cow<'a, str>>,
    pub thinking: Option<Cow<'a, str>>,
    pub partial_json: Option<Cow<'a, str>>,
}

impl<'a> Message<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// That it is no JSON object.
    pub(super) fn read(line: &'a str) -> serde_json::Result<Self> {
        codec::pull(line, Self::pull)
    }

    fn pull(at: &mut Cursor<'a>) -> Option<Self> {
        let mut fields = Vec::with_capacity(16);
        let (mut body, mut event, mut type_, mut parent) = (None, None, None, None);
        at.members(|at, key| {
            let raw;
            match &*key {
                "message" => (raw, body) = at.part(Body::pull)?,
                "event" => (raw, event) = at.part(StreamEvent::pull)?,
                _ => raw = at.raw()?,
            }
            match &*key {
                "type" => type_ = codec::text(raw),
                "parent_tool_use_id" => parent = codec::text(raw),
                _ => {}
            }
            fields.push((key, raw));
            Some(())
        })?;
        Some(Self {
            fields: Fields(fields),
            body,
            event,
            type_: type_.unwrap_or_default(),
            parent,
        })
    }
}

impl<'a> Body<'a> {
    fn pull(at: &mut Cursor<'a>) -> Option<Self> {
        let mut body = Self::default();
        at.members(|at, key| {
            match &*key {
                "id" => body.id = at.optional(Cursor::text)?,
                "content" => body.content = Content::pull(at)?,
                "usage" => body.usage = at.optional(Cursor::raw)?,
                _ => drop(at.raw()?),
            }
            Some(())
        })?;
        Some(body)
    }
}

impl<'a> Content<'a> {
    fn pull(at: &mut Cursor<'a>) -> Option<Self> {
        match at.peek()? {
            b'"' => at.text().map(Self::Text),
            b'[' => blocks(at).map(Self::Blocks),
            b'n' => at.raw().map(|_| Self::None),
            _ => None,
        }
    }
}

/// A list of blocks.
pub(super) fn blocks<'a>(at: &mut Cursor<'a>) -> Option<Vec<Block<'a>>> {
    let mut blocks = Vec::new();
    at.elements(|at| {
        blocks.push(Block::pull(at)?);
        Some(())
    })?;
    Some(blocks)
}

impl<'a> Block<'a> {
    fn pull(at: &mut Cursor<'a>) -> Option<Self> {
        let mut block = Self::default();
        at.members(|at, key| {
            match &*key {
                "type" => block.type_ = at.text()?,
                "text" => block.text = at.optional(Cursor::text)?,
                "thinking" => block.thinking = at.optional(Cursor::text)?,
                "id" => block.id = at.optional(Cursor::text)?,
                "name" => block.name = at.optional(Cursor::text)?,
                "input" => block.input = at.optional(Cursor::raw)?,
                "tool_use_id" => block.tool_use_id = at.optional(Cursor::text)?,
                "content" => block.content = at.optional(Cursor::raw)?,
                "is_error" => block.is_error = at.raw()? == "true",
                _ => drop(at.raw()?),
            }
            Some(())
        })?;
        Some(block)
    }
}

impl<'a> StreamEvent<'a> {
    fn pull(at: &mut Cursor<'a>) -> Option<Self> {
        let mut event = Self::default();
        at.members(|at, key| {
            match &*key {
                "type" => event.type_ = at.text()?,
                "index" => event.index = at.optional(Cursor::raw)?.unwrap_or("0").parse().ok()?,
                "delta" => event.delta = at.optional(Delta::pull)?,
                "content_block" => event.content_block = at.optional(Block::pull)?,
                "message" => event.message = at.optional(begun)?.flatten(),
                _ => drop(at.raw()?),
            }
            Some(())
        })?;
        Some(event)
    }
}

/// The id of a message that begins.
fn begun<'a>(at: &mut Cursor<'a>) -> Option<Option<Cow<'a, str>>> {
    let mut id = None;
    at.members(|at, key| {
        match &*key {
            "id" => id = at.optional(Cursor::text)?,
            _ => drop(at.raw()?),
        }
        Some(())
    })?;
    Some(id)
}

impl<'a> Delta<'a> {
    fn pull(at: &mut Cursor<'a>) -> Option<Self> {
        let mut delta = Self::default();
        at.members(|at, key| {
            match &*key {
                "type" => delta.type_ = at.optional(Cursor::text)?.unwrap_or_default(),
                "text" => delta.text = at.optional(Cursor::text)?,
                "thinking" => delta.thinking = at.optional(Cursor::text)?,
                "partial_json" => delta.partial_json = at.optional(Cursor::text)?,
                _ => drop(at.raw()?),
            }
            Some(())
        })?;
        Some(delta)
    }
}
