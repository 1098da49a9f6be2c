//! One block: its text goes through a cutter, its parts become events.

use std::borrow::Cow;

use crate::codec::{self, Fields, Writer};
use crate::event::{BlockFinal, Delta, Envelope, Event, Raw, Status, Type, part_id};
use crate::filter::Out;
use crate::text::cut::{Cutter, Options, Part};
use crate::text::digest::Digest;
use crate::time::Time;

/// Fields of the body of a final or a part.
const BODY: &str =
    "block kind text supersedes continues part last delivery_id lead open close glue";

/// Fields of a `block_final`.
#[derive(Debug)]
pub(super) struct Final<'a> {
    pub block: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    text: Raw<'a>,
    pub parent: Option<Cow<'a, str>>,
    pub label: Option<Cow<'a, str>>,
    supersedes: Option<Cow<'a, str>>,
    continues: Option<Cow<'a, str>>,
    synthetic: bool,
    fields: Fields<'a>,
}

impl<'a> Final<'a> {
    /// The final that a line is; `None` if it is a part, or a field is missing, of another type or there twice.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        const READ: &str = "block kind text parent label supersedes continues part synthetic";
        let fields = Fields::parse(line).ok()?;
        let optional = |key| match fields.raw(key) {
            None => Some(None),
            Some(value) => codec::text(value).map(Some),
        };
        let twice = fields.duplicate().is_some_and(|key| READ.split(' ').any(|read| read == key));
        if twice || fields.raw("part").is_some() {
            return None;
        }
        Some(Self {
            block: fields.text("block")?,
            kind: fields.text("kind")?,
            text: codec::string(fields.get("text")?)?,
            parent: optional("parent")?,
            label: optional("label")?,
            supersedes: optional("supersedes")?,
            continues: optional("continues")?,
            synthetic: match fields.get("synthetic") {
                None | Some("false") => false,
                Some("true") => true,
                _ => return None,
            },
            fields,
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct ChunkBlock {
    stream: String,
    turn: Option<u64>,
    label: Option<String>,
    parent: Option<String>,
    pub(super) block: String,
    kind: String,
    /// Boxed, since it is taken out and put back for every delta.
    cutter: Option<Box<Cutter>>,
    consumed: Digest,
    parts: u64,
    /// Deltas left out because text before them may be missing.
    missed: u64,
    /// Events before its next delta are all known; else only its final counts.
    pub(super) trusted: bool,
    /// Mark of the events from which the present parts are made.
    synthetic: bool,
    /// Escaped first half of a surrogate pair at the end of the last delta.
    half: String,
    /// Texts hold stand-ins for lone surrogates.
    pub(super) mended: bool,
    /// Number and time of the last event.
    seq: Option<u64>,
    ts: Option<String>,
}

impl ChunkBlock {
    /// The block of an event, with its label and parent.
    pub(super) fn new(
        event: &Event<'_>,
        [block, kind]: [Cow<'_, str>; 2],
        from: [Option<Cow<'_, str>>; 2],
        options: &Options,
    ) -> Self {
        let [label, parent] = from.map(|text| text.map(Cow::into_owned));
        Self {
            stream: event.stream.as_deref().unwrap_or_default().to_owned(),
            turn: event.turn,
            label,
            parent,
            block: block.into_owned(),
            kind: kind.into_owned(),
            cutter: Some(Box::new(Cutter::new(options.clone()))),
            trusted: true,
            ..Self::default()
        }
    }

    pub(super) fn is_raw(&self, block: &str) -> bool {
        self.block == block || (block.contains('\\') && self.block == Raw(block).decode())
    }

    fn seen(&mut self, event: &Event<'_>) {
        self.seq = event.seq;
        match &event.ts {
            Some(ts) => ts.as_ref().clone_into(self.ts.get_or_insert_default()),
            None => self.ts = None,
        }
    }

    pub(super) fn delta(
        &mut self,
        now: Time,
        event: &Event<'_>,
        delta: &Delta<'_>,
        out: &mut Out<'_>,
    ) {
        self.seen(event);
        if !self.trusted {
            self.missed += 1;
            return;
        }
        let mut raw = Cow::Borrowed(delta.text.0);
        if !self.half.is_empty() {
            raw = Cow::Owned(std::mem::take(&mut self.half) + &raw);
        }
        let (whole, half) = codec::split_escaped_half(&raw);
        half.clone_into(&mut self.half);
        self.synthetic = delta.synthetic;
        self.take(now, whole, out);
    }

    /// Takes text with its JSON escapes.
    fn take(&mut self, now: Time, raw: &str, out: &mut Out<'_>) {
        if let Some(text) = Raw(raw).whole() {
            return self.push(now, &text, out);
        }
        let mended = codec::replace_lone_surrogates(raw);
        self.mended |= mended.is_some();
        let text = codec::unescape(mended.as_deref().unwrap_or(raw));
        self.push(now, &text, out);
    }

    fn push(&mut self, now: Time, text: &str, out: &mut Out<'_>) {
        self.consumed.add(text);
        let Some(mut cutter) = self.cutter.take() else {
            return;
        };
        cutter.push(text, |part| self.emit(now, &part, None, out));
        self.cutter = Some(cutter);
    }

    /// Emits the last parts when the final has arrived.
    pub(super) fn finish(
        mut self,
        now: Time,
        event: &Event<'_>,
        body: &Final<'_>,
        out: &mut Out<'_>,
    ) {
        self.seen(event);
        let half = std::mem::take(&mut self.half);
        self.synthetic = body.synthetic;
        self.take(now, &half, out);
        match self.consumed.rest(&body.text.decode()) {
            Some(rest) => self.push(now, rest, out),
            None => {
                let what =
                    "the final text of the block is not what its deltas said: what was said stands";
                self.warn(now, what, out);
            }
        }
        self.end(now, Some(body), out);
    }

    /// Emits the last parts of a block without a final.
    pub(super) fn close(mut self, now: Time, out: &mut Out<'_>) {
        let half = std::mem::take(&mut self.half);
        self.synthetic = true;
        self.take(now, &half, out);
        if self.missed > 0 {
            let what = format!(
                "{} deltas of the block came without its beginning, and its final never came: they are lost",
                self.missed
            );
            self.warn(now, &what, out);
        }
        if self.consumed.len > 0 {
            self.end(now, None, out);
        }
    }

    fn end(&mut self, now: Time, ending: Option<&Final<'_>>, out: &mut Out<'_>) {
        if let Some(cutter) = self.cutter.take() {
            cutter.finish(|part| self.emit(now, &part, ending, out));
        }
    }

    fn envelope(&self, type_: Type) -> Envelope<'_> {
        Envelope {
            stream: Some((&*self.stream).into()),
            turn: self.turn,
            ts: self.ts.as_deref().map(Into::into),
            label: self.label.as_deref().map(Into::into),
            parent: self.parent.as_deref().map(Into::into),
            ..Envelope::of(type_)
        }
    }

    fn emit(&mut self, now: Time, part: &Part, ending: Option<&Final<'_>>, out: &mut Out<'_>) {
        // Its last part keeps the other fields of a final.
        let ending = ending.filter(|_| part.last);
        let number = self.parts;
        self.parts += 1;
        let id = part_id(&self.stream, self.turn.unwrap_or(0), &self.block, number);
        // A block of white space alone has no parts: its final stays whole.
        let whole = part.is_blank();
        let filled = |text: &str| (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        let text = if whole {
            Cow::Borrowed(&*part.glue)
        } else if part.open.is_empty() && part.close.is_empty() {
            Cow::Borrowed(&*part.body)
        } else {
            Cow::Owned(format!("{}{}{}", part.open, part.body, part.close))
        };
        let body = BlockFinal {
            block: (&*self.block).into(),
            kind: (&*self.kind).into(),
            text,
            supersedes: ending.and_then(|f| f.supersedes.as_deref().map(Into::into)),
            continues: ending.and_then(|f| f.continues.as_deref().map(Into::into)),
            part: Some(number).filter(|_| !whole),
            last: Some(part.last).filter(|_| !whole),
            delivery_id: Some(id.into()).filter(|_| !whole),
            lead: filled(&part.lead),
            open: filled(&part.open),
            close: filled(&part.close),
            glue: filled(&part.glue).filter(|_| !whole),
        };
        let mut envelope = self.envelope(Type::BlockFinal);
        envelope.seq = self.seq;
        envelope.synthetic = self.synthetic;
        let known: Vec<&str> = BODY.split(' ').collect();
        let writer = Writer { lone_surrogates: self.mended, ..Writer::default() };
        out.emit(now, |buf| {
            writer.emit(buf, &envelope, |object| {
                object.fields_of(&body);
                let unknown = ending.into_iter().flat_map(|ending| ending.fields.unknown(&known));
                unknown.for_each(|(key, value)| object.member(key, value));
            });
        });
        if part.broken {
            let what =
                format!("part {number} ends inside a grapheme that is larger than the limit");
            self.warn(now, &what, out);
        }
    }

    fn warn(&self, now: Time, what: &str, out: &mut Out<'_>) {
        let envelope = self.envelope(Type::Status);
        let data = Some(serde_json::json!({"block": self.block}));
        let body = Status { kind: "diagnostic".into(), message: Some(what.into()), data };
        out.emit(now, |buf| Writer::default().event(buf, &envelope, &body));
    }
}
