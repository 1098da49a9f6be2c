//! One block on its way: its text goes through a cutter, its parts leave as events.

use std::borrow::Cow;

use serde::Serialize;

use crate::codec::{self, Fields, Unknown, Writer};
use crate::event::{BlockFinal, Delta, Envelope, Event, Raw, Status, VERSION, part_id};
use crate::filter::Out;
use crate::text::cut::{Cutter, Options, Part};
use crate::time::Time;

/// What is read of a `block_final`.
#[derive(Debug)]
pub(super) struct Final<'a> {
    pub block: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    text: Raw<'a>,
    pub parent: Option<Cow<'a, str>>,
    label: Option<Cow<'a, str>>,
    supersedes: Option<Cow<'a, str>>,
    continues: Option<Cow<'a, str>>,
    synthetic: bool,
    fields: Fields<'a>,
}

impl<'a> Final<'a> {
    /// The final that a line is; `None` if it is a part, or a field is missing, of another type or there twice.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        const READ: [&str; 9] = [
            "block",
            "kind",
            "text",
            "parent",
            "label",
            "supersedes",
            "continues",
            "part",
            "synthetic",
        ];
        let fields = Fields::parse(line).ok()?;
        let optional = |key| match fields.raw(key) {
            None => Some(None),
            Some(value) => codec::text(value).map(Some),
        };
        if fields.raw("part").is_some() || fields.duplicate().is_some_and(|key| READ.contains(&key))
        {
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

/// What every part of a block says alike.
#[derive(Debug, Default)]
pub(super) struct BlockHead {
    stream: String,
    turn: Option<u64>,
    label: Option<String>,
    parent: Option<String>,
    block: String,
    kind: String,
}

impl BlockHead {
    pub(super) fn of_final(event: &Event<'_>, body: &Final<'_>) -> Self {
        Self {
            stream: event.stream.as_deref().unwrap_or_default().to_owned(),
            turn: event.turn,
            label: body.label.as_deref().map(str::to_owned),
            parent: body.parent.as_deref().map(str::to_owned),
            block: body.block.as_ref().to_owned(),
            kind: body.kind.as_ref().to_owned(),
        }
    }

    pub(super) fn of_delta(event: &Event<'_>, delta: &Delta<'_>) -> Self {
        let text = |raw: Raw<'_>| raw.decode().into_owned();
        Self {
            stream: event.stream.as_deref().unwrap_or_default().to_owned(),
            turn: event.turn,
            label: delta.label.map(text),
            parent: delta.parent.map(text),
            block: text(delta.block),
            kind: text(delta.kind),
        }
    }
}

/// One open block.
#[derive(Debug)]
pub(super) struct ChunkBlock {
    head: BlockHead,
    cutter: Option<Cutter>,
    consumed: Consumed,
    parts: u64,
    /// Deltas that were not taken: something of the text may be missing before them.
    missed: u64,
    trusted: bool,
    /// The first half of a surrogate pair at the end of the last delta, still escaped.
    half: String,
    /// Texts hold stand-ins for lone surrogates.
    mended: bool,
    /// Number and time of the last event.
    seq: Option<u64>,
    ts: Option<String>,
}

/// How much text was taken, and its checksum: a block is compared with its final without being kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Consumed {
    bytes: usize,
    sum: u64,
}

impl Consumed {
    const NOTHING: Self = Self { bytes: 0, sum: 0xCBF2_9CE4_8422_2325 };

    /// Goes on with a polynomial of the bytes, which does not mind how a text is sliced. Eight of them wait for one
    /// multiplication.
    fn add(&mut self, text: &str) {
        const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
        let next = |sum: u64, byte: &u8| sum.wrapping_mul(FACTOR).wrapping_add(u64::from(*byte));
        let (eights, rest) = text.as_bytes().as_chunks::<8>();
        for eight in eights {
            let head = self.sum.wrapping_mul(FACTOR.wrapping_pow(8));
            self.sum = head.wrapping_add(eight.iter().fold(0, next));
        }
        self.sum = rest.iter().fold(self.sum, next);
        self.bytes += text.len();
    }
}

/// Beside the contract's fields, what the last part has of the block's final.
#[derive(Debug, Default)]
struct Ending<'a> {
    supersedes: Option<&'a str>,
    continues: Option<&'a str>,
    extra: Unknown<'a>,
}

impl ChunkBlock {
    pub(super) fn new(head: BlockHead, options: &Options, trusted: bool) -> Self {
        Self {
            head,
            cutter: Some(Cutter::new(options.clone())),
            consumed: Consumed::NOTHING,
            parts: 0,
            missed: 0,
            trusted,
            half: String::new(),
            mended: false,
            seq: None,
            ts: None,
        }
    }

    pub(super) fn is(&self, block: &str) -> bool {
        self.head.block == block
    }

    pub(super) fn is_raw(&self, block: &str) -> bool {
        self.head.block == block || (block.contains('\\') && self.is(&Raw(block).decode()))
    }

    /// Something was missed: no more deltas are taken, the final brings the rest.
    pub(super) fn distrust(&mut self) {
        self.trusted = false;
    }

    pub(super) fn mark_mended(&mut self) {
        self.mended = true;
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
        let whole = raw.len() - half_at_end(&raw);
        raw[whole..].clone_into(&mut self.half);
        self.take(now, &raw[..whole], delta.synthetic, out);
    }

    /// Takes text as it stands in a line.
    fn take(&mut self, now: Time, raw: &str, synthetic: bool, out: &mut Out<'_>) {
        let mended = codec::replace_lone_surrogates(raw);
        self.mended |= mended.is_some();
        let text = codec::unescape(mended.as_deref().unwrap_or(raw));
        self.push(now, &text, synthetic, out);
    }

    fn push(&mut self, now: Time, text: &str, synthetic: bool, out: &mut Out<'_>) {
        self.consumed.add(text);
        let Some(mut cutter) = self.cutter.take() else {
            return;
        };
        cutter.push(text, |part| {
            self.emit(now, &part, synthetic, &Ending::default(), out);
        });
        self.cutter = Some(cutter);
    }

    /// The block's final has come: says what is left.
    pub(super) fn finish(
        mut self,
        now: Time,
        event: &Event<'_>,
        body: &Final<'_>,
        out: &mut Out<'_>,
    ) {
        self.seen(event);
        let half = std::mem::take(&mut self.half);
        self.take(now, &half, body.synthetic, out);
        let mut begun = Consumed::NOTHING;
        let text = body.text.decode();
        let more = match text.get(..self.consumed.bytes) {
            Some(head) => {
                begun.add(head);
                begun == self.consumed
            }
            None => false,
        };
        if more {
            self.push(now, &text[self.consumed.bytes..], body.synthetic, out);
        } else {
            self.warn(
                now,
                "the final text of the block is not what its deltas said: what was said stands",
                out,
            );
        }
        let ending = Ending {
            supersedes: body.supersedes.as_deref(),
            continues: body.continues.as_deref(),
            extra: extra(&body.fields),
        };
        self.end(now, body.synthetic, &ending, out);
    }

    /// No final has come and none will: says what is left.
    pub(super) fn close(mut self, now: Time, out: &mut Out<'_>) {
        let half = std::mem::take(&mut self.half);
        self.take(now, &half, true, out);
        if self.missed > 0 {
            let what = format!(
                "{} deltas of the block came without its beginning, and its final never came: they are lost",
                self.missed
            );
            self.warn(now, &what, out);
        }
        if self.consumed.bytes > 0 {
            self.end(now, true, &Ending::default(), out);
        }
    }

    fn end(&mut self, now: Time, synthetic: bool, ending: &Ending<'_>, out: &mut Out<'_>) {
        if let Some(cutter) = self.cutter.take() {
            cutter.finish(|part| self.emit(now, &part, synthetic, ending, out));
        }
    }

    fn envelope<'a>(&'a self, type_: &'a str) -> Envelope<'a> {
        Envelope {
            v: VERSION,
            type_: type_.into(),
            stream: Some((&*self.head.stream).into()),
            turn: self.head.turn,
            ts: self.ts.as_deref().map(Into::into),
            label: self.head.label.as_deref().map(Into::into),
            parent: self.head.parent.as_deref().map(Into::into),
            ..Envelope::default()
        }
    }

    fn emit(
        &mut self,
        now: Time,
        part: &Part,
        synthetic: bool,
        ending: &Ending<'_>,
        out: &mut Out<'_>,
    ) {
        let number = self.parts;
        self.parts += 1;
        let head = &self.head;
        let turn = head.turn.unwrap_or(0);
        let id = part_id(&head.stream, turn, &head.block, number);
        // A block that shows nothing has no parts: its final is whole.
        let whole = part.is_blank();
        let said = |text: &str| (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        let text = if whole {
            Cow::Borrowed(&*part.glue)
        } else if part.open.is_empty() && part.close.is_empty() {
            Cow::Borrowed(&*part.body)
        } else {
            Cow::Owned(format!("{}{}{}", part.open, part.body, part.close))
        };
        let body = BlockFinal {
            block: (&*head.block).into(),
            kind: (&*head.kind).into(),
            text,
            supersedes: ending.supersedes.filter(|_| part.last).map(Into::into),
            continues: ending.continues.filter(|_| part.last).map(Into::into),
            part: Some(number).filter(|_| !whole),
            last: Some(part.last).filter(|_| !whole),
            delivery_id: Some(id.into()).filter(|_| !whole),
            lead: said(&part.lead),
            open: said(&part.open),
            close: said(&part.close),
            glue: said(&part.glue).filter(|_| !whole),
        };
        let mut envelope = self.envelope("block_final");
        envelope.seq = self.seq;
        envelope.synthetic = synthetic;
        let nothing = Unknown::default();
        let extra = if part.last { &ending.extra } else { &nothing };
        let writer = Writer { lone_surrogates: self.mended, ..Writer::default() };
        out.emit(now, |buf| {
            writer.emit(buf, &envelope, |object| {
                object.fields_of(&body);
                object.fields_of(extra);
            });
        });
        if part.broken {
            self.warn(
                now,
                &format!("part {number} ends inside a grapheme that is larger than the limit"),
                out,
            );
        }
    }

    fn warn(&self, now: Time, what: &str, out: &mut Out<'_>) {
        #[derive(Serialize)]
        struct Data<'a> {
            block: &'a str,
        }
        let envelope = self.envelope("status");
        let data = serde_json::to_value(Data { block: &self.head.block });
        let body =
            Status { kind: "diagnostic".into(), message: Some(what.into()), data: data.ok() };
        out.emit(now, |buf| Writer::default().event(buf, &envelope, &body));
    }
}

/// What a final has beside what the contract says of a final or a part.
fn extra<'a>(fields: &Fields<'a>) -> Unknown<'a> {
    const BODY: [&str; 12] = [
        "block",
        "kind",
        "text",
        "supersedes",
        "continues",
        "part",
        "last",
        "delivery_id",
        "lead",
        "open",
        "close",
        "glue",
    ];
    fields.unknown(&BODY)
}

/// The length of an escaped first half of a surrogate pair at the end of a raw text; 0 if there is none.
fn half_at_end(raw: &str) -> usize {
    let bytes = raw.as_bytes();
    let Some(tail) = bytes.len().checked_sub(6).map(|at| &bytes[at..]) else {
        return 0;
    };
    let high = tail.starts_with(b"\\u")
        && matches!(tail[2], b'd' | b'D')
        && matches!(tail[3], b'8' | b'9' | b'a' | b'b' | b'A' | b'B')
        && tail[4..].iter().all(u8::is_ascii_hexdigit);
    let before = &bytes[..bytes.len() - if high { 6 } else { 0 }];
    let slashes = before.iter().rev().take_while(|c| **c == b'\\').count();
    if high && slashes % 2 == 0 { 6 } else { 0 }
}
