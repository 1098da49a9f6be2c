//! Bodies of requests. A field that is not known is an error, so that a misspelt one is not ignored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::agents::check_session;
use super::conversation::check_id;
use crate::time::duration;

/// Longest prompt or message, in bytes.
pub const MAX_PROMPT: usize = 1 << 20;

/// Longest body, in bytes.
pub const MAX_BODY: usize = 2 << 20;

/// Longest body of `POST /paste`, in bytes.
pub const MAX_PASTE: usize = 16 << 20;

/// Longest label or id, in bytes.
const MAX_NAME: usize = 256;

/// Limits of a run that may be set, by the options of wrap.
const LIMITS: &[&str] = &["timeout", "idle-timeout", "first-output-timeout", "tool-timeout"];

/// Start of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    /// Name of the agent's definition; the first one if absent.
    pub agent: Option<String>,
    /// First prompt.
    pub prompt: String,
    /// References of texts that belong to the prompt.
    #[serde(default)]
    pub context: Vec<String>,
    /// Name for people.
    pub label: Option<String>,
    /// Working directory below the root.
    pub cwd: Option<String>,
    /// Number of runs.
    pub each: Option<u16>,
    /// Limits by the name of wrap's option, as `{"timeout": "20m"}`.
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
    /// Session of the agent to resume.
    pub session: Option<String>,
    /// Id of the conversation that the run belongs to.
    pub conversation: Option<String>,
}

/// Cancel of the open turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    pub reason: Option<String>,
    /// Next prompt.
    pub then: Option<String>,
    /// Time until an agent that does not stop is killed, as `10s`.
    pub grace: Option<String>,
}

/// One text: a message to an agent, or a text to store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub text: String,
}

/// Answer to a question for permission.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    pub allow: bool,
    pub reason: Option<String>,
}

/// Message of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    pub message: String,
    #[serde(default)]
    pub context: Vec<String>,
    pub agent: Option<String>,
    /// Conversation to continue; a new one if absent.
    pub conversation: Option<String>,
    /// True to get the events of the run as the answer.
    #[serde(default)]
    pub stream: bool,
}

/// Call of a direct command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Direct {
    pub command: String,
    /// True to get the events of the run as the answer.
    #[serde(default)]
    pub stream: bool,
}

/// Reads a body, which is an object: the fields of an array would be taken by their order.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err("the body is not as it should be: it is no JSON object".into());
    }
    serde_json::from_slice(body).map_err(|e| format!("the body is not as it should be: {e}"))
}

impl StartRun {
    /// Checks what needs no look at the system.
    pub fn check(&self) -> Result<(), String> {
        check_prompt("prompt", &self.prompt)?;
        for (name, value) in [("label", &self.label), ("session", &self.session)] {
            if let Some(value) = value {
                check_name(name, value)?;
            }
        }
        if let Some(session) = &self.session {
            check_session(session)?;
        }
        if self.each.is_some_and(|each| !(1..=1000).contains(&each)) {
            return Err("each is a number from 1 to 1000".into());
        }
        if let Some(conversation) = &self.conversation {
            check_id(conversation)?;
            if self.each.is_some_and(|each| each > 1) {
                return Err("of a conversation one run lives at a time: leave out each".into());
            }
        }
        for (name, value) in &self.limits {
            if !LIMITS.contains(&name.as_str()) {
                return Err(format!("{name:?} is no limit: there are {}", LIMITS.join(", ")));
            }
            check_name(name, value)?;
            duration(value).map_err(|why| format!("the limit {name}: {why}"))?;
        }
        self.context.iter().try_for_each(|reference| pasted(reference).map(|_| ()))
    }
}

/// Checks a text for an agent.
pub fn check_prompt(name: &str, text: &str) -> Result<(), String> {
    let wrong = match text {
        "" => "is empty",
        text if text.len() > MAX_PROMPT => "is longer than 1 MiB: store the rest with POST /paste",
        text if text.contains('\0') => "has a NUL character",
        _ => return Ok(()),
    };
    Err(format!("{name} {wrong}"))
}

fn check_name(name: &str, value: &str) -> Result<(), String> {
    let is_wrong =
        value.is_empty() || value.len() > MAX_NAME || value.chars().any(char::is_control);
    if is_wrong {
        return Err(format!("{name} has 1 to {MAX_NAME} bytes and no control characters"));
    }
    Ok(())
}

/// Begin of a reference to a stored text.
const PASTED: &str = "ctx://paste/";

/// Reference to the stored text with this SHA-256.
pub fn reference(digest: &str) -> String {
    format!("{PASTED}{digest}")
}

/// SHA-256 in a reference to a stored text.
pub fn pasted(reference: &str) -> Result<&str, String> {
    let digest = reference.strip_prefix(PASTED).unwrap_or_default();
    match is_digest(digest) {
        true => Ok(digest),
        false => Err(format!("{reference:?} is no reference: it is ctx://paste/ and a SHA-256")),
    }
}

/// True for a SHA-256 in lower-case hexadecimal.
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Values of a query string, decoded. A name that is not in `known` is an error.
pub fn query(text: Option<&str>, known: &[&str]) -> Result<BTreeMap<String, String>, String> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        let bytes = percent_encoding::percent_decode_str(&text).decode_utf8();
        bytes.map(std::borrow::Cow::into_owned).map_err(|_| "the query is not UTF-8".to_owned())
    };
    let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut values = BTreeMap::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name)?;
        if !known.contains(&name.as_str()) {
            let there = match known {
                [] => "there are no parameters here".to_owned(),
                _ => format!("there are {}", known.join(", ")),
            };
            return Err(format!("{name:?} is not known here: {there}"));
        }
        if values.insert(name.clone(), decoded(value)?).is_some() {
            return Err(format!("{name} stands there twice"));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_checked() {
        let start = |body: &str| {
            let run: StartRun = parse(body.as_bytes())?;
            run.check().map(|()| run)
        };
        let run = start(r#"{"prompt":"-x","each":3,"limits":{"timeout":"20m"}}"#).unwrap();
        assert_eq!((run.prompt.as_str(), run.each), ("-x", Some(3)));
        for wrong in [
            r#"{"promt":"x"}"#,
            r#"{"prompt":"x","agnt":"a"}"#,
            r#"{"prompt":""}"#,
            r#"{"prompt":"a\u0000b"}"#,
            r#"{"prompt":1}"#,
            r#"{"prompt":"x","each":0}"#,
            r#"{"prompt":"x","each":70000}"#,
            r#"{"prompt":"x","label":"a\nb"}"#,
            r#"{"prompt":"x","label":""}"#,
            r#"{"prompt":"x","session":"--all"}"#,
            r#"{"prompt":"x","conversation":"a/b"}"#,
            r#"{"prompt":"x","conversation":"c","each":2}"#,
            r#"{"prompt":"x","session":"{context}"}"#,
            r#"{"prompt":"x","limits":{"cwd":"/"}}"#,
            r#"{"prompt":"x","limits":{"timeout":""}}"#,
            r#"{"prompt":"x","limits":{"timeout":"soon"}}"#,
            r#"{"prompt":"x","context":["../../etc/passwd"]}"#,
            r#"{"prompt":"x","context":["ctx://paste/ABC"]}"#,
            "[]",
            r#"["x"]"#,
            "",
        ] {
            assert!(start(wrong).is_err(), "{wrong}");
        }
        let long = format!(r#"{{"prompt":"{}"}}"#, "x".repeat(MAX_PROMPT + 1));
        assert!(start(&long).is_err());
    }

    #[test]
    fn an_array_is_no_object() {
        assert!(parse::<Text>(br#"["x"]"#).is_err());
        assert!(parse::<Permission>(b"[true,null]").is_err());
        assert_eq!(parse(b" \r\n{\"text\":\"x\"}"), Ok(Text { text: "x".into() }));
    }

    #[test]
    fn a_query_is_decoded_and_a_wrong_name_is_told() {
        let values = query(Some("from=a%40b+c&only=x,y&"), &["from", "only"]).unwrap();
        assert_eq!((values["from"].as_str(), values["only"].as_str()), ("a@b c", "x,y"));
        let wrong = |known| query(Some("form=1"), known).unwrap_err();
        assert_eq!(wrong(&["from", "only"]), "\"form\" is not known here: there are from, only");
        assert_eq!(wrong(&[]), "\"form\" is not known here: there are no parameters here");
        assert!(query(Some("from=1&from=2"), &["from"]).is_err());
        assert!(query(Some("from=%ff"), &["from"]).is_err());
    }
}
