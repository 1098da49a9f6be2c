//! What is said through a control socket: one JSON object a line, each with the version of the protocol.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of the protocol, the value of `spile`. Another one is refused.
pub(super) const VERSION: u64 = 1;

/// What lies beside a socket, and says whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The version of the protocol.
    pub spile: u64,
    /// The process id of wrap.
    pub pid: u32,
    /// The stream.
    pub stream: String,
    /// A human's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What only this run has: its `session` event says it too.
    pub control: String,
    /// The process id of the agent.
    pub child: i32,
    /// The agent's command line.
    pub argv: Vec<String>,
    /// When it was started, as `ts` is written.
    pub started: String,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// What the run is doing.
    Query,
    /// The end of the open turn; with `then` also the next prompt.
    Cancel,
    /// The next prompt, where no turn is open.
    Redirect,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The version of the protocol.
    pub spile: u64,
    /// What is asked for.
    pub ask: Verb,
    /// The stream that is meant; any other refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The run that is meant, by the `control` of its `session` event; any other refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// The turn that is meant; refused if another is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u64>,
    /// Who wants it: `control` or `filter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// After so many milliseconds nothing of an agent that does not obey is left; wrap's own `--grace` if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
    /// With `cancel`: the prompt of the next turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// With `redirect`: the prompt of the next turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

impl Request {
    /// A request that names nothing yet.
    #[must_use]
    pub fn new(ask: Verb) -> Self {
        Self {
            spile: VERSION,
            ask,
            stream: None,
            control: None,
            turn: None,
            by: None,
            reason: None,
            grace_ms: None,
            then: None,
            prompt: None,
        }
    }

    /// Reads a request.
    ///
    /// # Errors
    /// That it is none, or of another version, in words.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct VersionOnly {
            spile: u64,
        }
        let head: VersionOnly =
            serde_json::from_slice(line).map_err(|e| format!("this is no request: {e}"))?;
        if head.spile != VERSION {
            return Err(format!(
                "version {} of the protocol is not spoken here, only {VERSION}",
                head.spile
            ));
        }
        serde_json::from_slice(line).map_err(|e| format!("this is no request: {e}"))
    }
}

/// What is answered, as far as spile itself reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Reply<'a> {
    pub answer: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub left: Vec<i32>,
    #[serde(borrow, default)]
    pub event: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut request = Request::new(Verb::Cancel);
        request.stream = Some("s".into());
        request.turn = Some(3);
        let line = serde_json::to_vec(&request).unwrap();
        assert_eq!(Request::parse(&line), Ok(request));
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        for (line, want) in [
            (r#"{"spile":2,"ask":"query"}"#, "version 2"),
            (r#"{"spile":1,"ask":"dance"}"#, "this is no request"),
            (r#"{"ask":"query"}"#, "this is no request"),
            ("", "this is no request"),
            ("\u{0}", "this is no request"),
        ] {
            let why = Request::parse(line.as_bytes()).unwrap_err();
            assert!(why.contains(want), "{line}: {why}");
        }
        let newer = r#"{"spile":1,"ask":"query","wish":"x"}"#;
        assert!(Request::parse(newer.as_bytes()).is_ok());
    }
}
