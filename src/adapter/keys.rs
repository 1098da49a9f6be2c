//! Keys of messages that no adapter reads: new fields of a runtime are kept as a status, once. Each adapter names the keys
//! that it reads or leaves out on purpose; those that many runtimes have are named here.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::codec::{self, Cursor, Fields};

/// Limit of remembered fields, so that one that every message repeats is kept once; past that all are forgotten.
const MAX_KEPT: usize = 4096;

/// Values below these keys are free in form, and emitted or left out as a whole.
const OPAQUE: &str = "args arguments headers input modelUsage output parameters partial_json rawInput rawOutput \
    stats tool_input tool_output tool_response tool_use_result";

/// Keys that many runtimes have.
const COMMON: &str = "call_id code content cost cwd data delta description duration_ms error id index input_tokens \
    isError is_error kind message messageId model name num_turns output_tokens path prompt \
    provider reason request_id result role service_tier sessionId session_id signature status \
    subtype summary text thinking timestamp title toolCall toolCallId toolName tool_use_id tools \
    total_tokens type usage value version";

/// All keys: nothing is unknown.
pub static ANY: Keys = Keys { slots: Vec::new(), any: true };

/// The keys that an adapter reads or leaves out on purpose, hashed by their ends: each key of each message is looked up.
#[derive(Debug)]
pub struct Keys {
    /// A power of two of them, at most a quarter of them taken.
    slots: Vec<Slot>,
    any: bool,
}

/// A key, or none: [`Meaning::Unknown`].
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    ends: Ends,
    key: &'static str,
    meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Meaning {
    Known,
    Opaque,
    #[default]
    Unknown,
}

impl Keys {
    /// The keys in a list that is parted by spaces, and those of every runtime. A `*` stands for all: messages of any form.
    pub fn new(own: &'static str) -> Self {
        let opaque = OPAQUE.split_ascii_whitespace().map(|key| (key, Meaning::Opaque));
        let known = [COMMON, own].into_iter().flat_map(str::split_ascii_whitespace);
        let all: Vec<_> = opaque.chain(known.map(|key| (key, Meaning::Known))).collect();
        let slots = vec![Slot::default(); (4 * all.len()).next_power_of_two()];
        let mut keys = Self { slots, any: own == "*" };
        for (key, meaning) in all {
            let ends = Ends::of(key);
            let slot = keys.slot(key, ends);
            if keys.slots[slot].meaning == Meaning::Unknown {
                keys.slots[slot] = Slot { ends, key, meaning };
            }
        }
        keys
    }

    /// Index of the slot in which a key is, or would be.
    #[inline(always)]
    fn slot(&self, key: &str, ends: Ends) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = ends.hash() & mask;
        loop {
            let slot = &self.slots[at];
            let is_key = slot.ends == ends && (key.len() <= 16 || key == slot.key);
            if is_key || slot.meaning == Meaning::Unknown {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    #[inline(always)]
    fn meaning(&self, key: &str) -> Meaning {
        if self.any { Meaning::Opaque } else { self.slots[self.slot(key, Ends::of(key))].meaning }
    }

    /// The fields of a message that its adapter does not know, by their path, as they stand.
    pub fn unknown<'a>(&self, message: &'a str) -> Vec<(String, &'a str)> {
        let mut found = Vec::new();
        // Most messages have none, and need no paths.
        if Cursor::read(message, |at| self.odd(at)).unwrap_or(true) {
            Cursor::read(message, |at| self.walk(at, &mut String::new(), &mut found));
        }
        found
    }

    /// True if it may be that one of these fields is unknown, or has an unknown key in it.
    pub fn odd_among(&self, fields: &Fields<'_>) -> bool {
        fields.0.iter().any(|(key, raw)| match self.meaning(key) {
            Meaning::Unknown => !is_empty(raw),
            Meaning::Known if raw.starts_with(['{', '[']) => {
                Cursor::read(raw, |at| self.odd(at)).unwrap_or(true)
            }
            _ => false,
        })
    }

    fn walk<'a>(
        &self,
        at: &mut Cursor<'a>,
        path: &mut String,
        found: &mut Vec<(String, &'a str)>,
    ) -> Option<()> {
        let (length, mut index) = (path.len(), 0);
        match at.peek()? {
            b'{' if !at.is_deep() => at.members(|at, key| {
                match self.meaning(&key) {
                    Meaning::Known if matches!(at.peek()?, b'{' | b'[') => {
                        path.push_str(&key);
                        path.push('.');
                        self.walk(at, path, found)?;
                        path.truncate(length);
                    }
                    Meaning::Known | Meaning::Opaque => drop(at.raw()?),
                    Meaning::Unknown => {
                        let raw = at.raw().filter(|raw| !is_empty(raw));
                        found.extend(raw.map(|raw| (format!("{path}{key}"), raw)));
                    }
                }
                Some(())
            }),
            b'[' if !at.is_deep() => at.elements(|at| {
                if matches!(at.peek()?, b'{' | b'[') {
                    path.push_str(&format!("{index}."));
                    self.walk(at, path, found)?;
                    path.truncate(length);
                } else {
                    at.raw()?;
                }
                index += 1;
                Some(())
            }),
            _ => at.raw().map(drop),
        }
    }

    /// Skips the value of a key; true if it is unknown, or one within it.
    #[inline]
    pub fn skip(&self, at: &mut Cursor<'_>, key: &str) -> Option<bool> {
        match self.meaning(key) {
            Meaning::Unknown => at.raw().map(|raw| !is_empty(raw)),
            Meaning::Known if matches!(at.peek()?, b'{' | b'[') => self.odd(at),
            _ => at.raw().map(|_| false),
        }
    }

    /// Skips a value; true if there is an unknown key in it.
    fn odd(&self, at: &mut Cursor<'_>) -> Option<bool> {
        let mut odd = false;
        match at.peek()? {
            b'{' if !at.is_deep() => at.members(|at, key| {
                odd |= self.skip(at, &key)?;
                Some(())
            })?,
            b'[' if !at.is_deep() => at.elements(|at| {
                odd |= self.odd(at)?;
                Some(())
            })?,
            _ => drop(at.raw()?),
        }
        Some(odd)
    }
}

/// Length of a key, and its first and last bytes: all of a key of at most 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Ends {
    len: usize,
    first: u64,
    last: u64,
}

impl Ends {
    #[inline(always)]
    fn of(key: &str) -> Self {
        let bytes = key.as_bytes();
        let (first, last) = match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (bytes.first_chunk(), bytes.last_chunk()) {
                (Some(first), Some(last)) => {
                    (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
                }
                _ => bytes.iter().fold((0, 0), |(all, _), byte| (all << 8 | u64::from(*byte), 0)),
            },
        };
        Self { len: bytes.len(), first, last }
    }

    #[inline(always)]
    fn hash(self) -> usize {
        const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = (self.first ^ self.last.rotate_left(23) ^ self.len as u64).wrapping_mul(FACTOR);
        (mixed >> 40) as usize
    }
}

/// True if nothing is in a value, whatever space stands there.
fn is_empty(value: &str) -> bool {
    match value.as_bytes() {
        b"null" | b"\"\"" => true,
        [b'[' | b'{', inside @ .., _] => inside.trim_ascii().is_empty(),
        _ => false,
    }
}

/// Hashes of the fields that were kept before, each of its key and its value as it stands.
#[derive(Debug, Default)]
pub struct Kept(HashSet<u64>);

impl Kept {
    /// True if a field was kept before.
    pub fn has(&self, path: &str, raw: &str) -> bool {
        self.0.contains(&hash(path, raw))
    }

    /// Notes a field, unless it stands in `emitted`, the events that its message became; true if it is to be kept.
    pub fn add(&mut self, (path, raw): (&str, &str), value: &Value, emitted: &[u8]) -> bool {
        let field = format!("{}:{}", codec::to_json(key_of(path)), codec::to_json(value));
        if value.is_null() || memchr::memmem::find(emitted, field.as_bytes()).is_some() {
            return false;
        }
        if self.0.len() >= MAX_KEPT {
            self.0.clear();
        }
        self.0.insert(hash(path, raw))
    }
}

fn hash(path: &str, raw: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key_of(path), raw).hash(&mut hasher);
    hasher.finish()
}

/// Last key of a path.
fn key_of(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_nobody_reads_are_found_by_their_path_and_kept_once() {
        let message = r#"{"type": "a", "new": 1, "message": {"content": [{"text": "x", "odd": "y"}]},
            "input": {"any": 1}, "gone": null, "none": [ ]}"#;
        let found = Keys::new("odd_one").unknown(message);
        let want = [("new", "1"), ("message.content.0.odd", "\"y\"")];
        assert_eq!(found, want.map(|(path, value)| (path.to_owned(), value)));
        let mut kept = Kept::default();
        let mut add = |emitted: &[u8]| kept.add(("a.new", "1"), &1.into(), emitted);
        assert_eq!([add(b"{\"new\":1}"), add(b""), add(b"")], [false, true, false]);
        assert!(kept.has("b.new", "1") && !kept.has("a.new", "2"));
    }

    /// Keys whose values are left out on purpose: ids, times, places and counts of the protocol, signatures, and what is
    /// said in other words (a reason, a state, a flag).
    const LEFT_OUT: &str = "ephemeral_1h_input_tokens ephemeral_5m_input_tokens assistantMessageID textID factoryApiVersion message_id action_id apiKeySource api_error_status arguments artifactId author cachedInputTokens \
        cached_input_tokens code codexErrorInfo created_at duration_api_ms duration_seconds \
        event event_type finishReason finish_reason id inputTokens input_tokens invocationId \
        itemId item_id item_type jsonPath jsonrpc kind messageID messageId method model_call_id \
        nanos object outcome output_tokens parentID partID partial_json permissionMode phase \
        promptTokenCount record_type request_id role schemaChars sessionID sessionId \
        sessionUpdate signature source state status step_type subtype taskId task_kind timestamp \
        total totalTokenCount totalTokens total_cost_usd total_duration total_tokens traceId ts \
        type uuid";

    /// The same of one runtime alone: JSON text that is emitted as JSON, a text that is said in two blocks, an error's second
    /// sentence, a value that a sum holds.
    const LEFT_OUT_OF_ONE: &str = "kimi.arguments_part claude.content codex.text ag-ui.delta bedrock.bytes bedrock.input bedrock.p claude.errors codex.message \
        copilot.content gemini.message gemini.output openai-responses.delta openclaw.name \
        openclaw.provider opencode.cost opencode.input opencode.name opencode.reason \
        pi.errorMessage qwen.text vercel.inputTextDelta";

    /// The scalars of a message below keys that are not left out, each under its key.
    fn scalars(
        left_out: &HashSet<&str>,
        key: &str,
        value: &Value,
        found: &mut Vec<(String, String)>,
    ) {
        match value {
            Value::Object(fields) => {
                for (key, value) in
                    fields.iter().filter(|(key, _)| !left_out.contains(key.as_str()))
                {
                    scalars(left_out, key, value, found);
                }
            }
            Value::Array(values) => {
                for value in values {
                    scalars(left_out, key, value, found);
                }
            }
            Value::String(text) if !text.trim().is_empty() => {
                found.push((key.into(), text.trim().into()));
            }
            Value::Number(number) => found.push((key.into(), number.to_string())),
            _ => {}
        }
    }

    /// All strings and numbers of what was emitted, as one text.
    fn words(value: &Value, out: &mut String) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                out.push_str(key);
                out.push('\n');
                words(value, out);
            }),
            Value::Array(values) => values.iter().for_each(|value| words(value, out)),
            Value::String(text) => out.push_str(text),
            other => out.push_str(&other.to_string()),
        }
        out.push('\n');
    }

    #[test]
    fn every_scalar_of_every_fixture_is_emitted_or_left_out_on_purpose() {
        let left_out: HashSet<&str> = LEFT_OUT.split(' ').collect();
        let left_out_of_one: HashSet<&str> = LEFT_OUT_OF_ONE.split(' ').collect();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut lost = std::collections::BTreeMap::<String, String>::new();
        for spec in crate::adapter::ADAPTERS.iter().filter(|spec| spec.keys != "*") {
            let Ok(folder) = std::fs::read_dir(root.join(spec.name)) else { continue };
            for path in folder
                .map(|entry| entry.unwrap().path())
                .filter(|p| p.extension().is_some_and(|e| e == "raw"))
            {
                let raw = std::fs::read(&path).unwrap();
                let mut emitted = String::new();
                for line in crate::adapter::emitted(spec, &[&raw]).lines() {
                    words(&serde_json::from_str(line).unwrap(), &mut emitted);
                }
                let mut found = Vec::new();
                let mut frames = crate::adapter::framing::Frames::new(codec::MAX_LINE);
                let mut each = |frame: crate::adapter::framing::Frame<'_>| {
                    if let crate::adapter::framing::Frame::Message { text, .. } = frame
                        && let Ok(value) = serde_json::from_str(text)
                    {
                        scalars(&left_out, "", &value, &mut found);
                    }
                };
                frames.feed(&raw, &mut each);
                frames.end(&mut each);
                for (key, scalar) in
                    found.into_iter().filter(|(_, scalar)| !emitted.contains(scalar))
                {
                    lost.insert(format!("{} {key}", spec.name), scalar);
                }
            }
        }
        lost.retain(|name, _| !left_out_of_one.contains(&*name.replace(' ', ".")));
        assert!(lost.is_empty(), "{lost:#?}");
    }
}
