//! Ids of the events of one run: `<stream>@<offset>.<tag>`. The tag tells runs of one stream apart.

use std::fmt;

use super::index::run_key;
use crate::codec::is_stream_id;
use crate::text::number;

/// Mark of a run in the ids of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u32);

/// Place behind an event in the file of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunPlace<'a> {
    pub stream: &'a str,
    pub offset: u64,
    pub tag: Tag,
}

impl Tag {
    /// Mark of the run with this stream and run token.
    pub fn of(stream: &str, control: &str) -> Self {
        let [a, b, c, d, ..] = run_key(stream, control);
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Display for RunPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}.{}", self.stream, self.offset, self.tag)
    }
}

impl<'a> RunPlace<'a> {
    /// Place by its text; `None` if it is no id.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (stream, rest) = text.rsplit_once('@')?;
        let (offset, tag) = rest.split_once('.')?;
        let is_right = is_stream_id(stream)
            && tag.len() == 8
            && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
        let tag = Tag(u32::from_str_radix(tag, 16).ok().filter(|_| is_right)?);
        Some(Self { stream, offset: number(offset)?, tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_the_run_itself() {
        let tag = Tag::of("c.1", "one");
        assert_ne!(tag, Tag::of("c.1", "two"));
        let place = RunPlace { stream: "c.1", offset: 70, tag };
        assert_eq!(RunPlace::parse(&place.to_string()), Some(place));
        assert_eq!(RunPlace { tag: Tag(10), ..place }.to_string(), "c.1@70.0000000a");
        for wrong in [
            "",
            "x",
            "c.1@70",
            "c.1@.0000000a",
            "c.1@+7.0000000a",
            "c.1@7.a",
            "c.1@7.0000000ag",
            "c.1@7.+000000a",
            "@7.0000000a",
            "a b@7.0000000a",
            "c.1@99999999999999999999.0000000a",
        ] {
            assert_eq!(RunPlace::parse(wrong), None, "{wrong}");
        }
    }
}
