//! Messages of the control socket: one JSON object a line, with the protocol version (docs/control.md).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Protocol version, the value of `spile`; any other is refused.
pub(super) const VERSION: u64 = 1;

/// Description of a run, in the file beside its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    pub spile: u64,
    pub pid: u32,
    pub stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Run token, also in the `session` event.
    pub control: String,
    pub child: i32,
    pub argv: Vec<String>,
    pub started: String,
}

/// Request to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    spile: u64,
    /// Intended stream; any other refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Intended run, by the run token of its `session` event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    #[serde(flatten)]
    pub ask: Ask,
}

/// Action that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub enum Ask {
    Query,
    /// Cancels the open turn.
    Cancel(CancelTurn),
    /// Sends a prompt while no turn is open.
    Redirect {
        prompt: String,
    },
    /// Gives the agent a message.
    Send(Text),
    /// Answers a question for permission.
    Permit(PermitTool),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelTurn {
    /// Intended turn; refused if another is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Milliseconds until an agent that does not stop is killed; wrap's own `--grace` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
    /// Next prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// True to type at a terminal while a turn is open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitTool {
    /// Question; the only open one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub allow: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Request {
    pub fn new(ask: Ask) -> Self {
        Self { spile: VERSION, stream: None, control: None, ask }
    }

    /// A request to one run and no other.
    pub fn to(info: &Info, ask: Ask) -> Self {
        let (stream, control) = (Some(info.stream.clone()), Some(info.control.clone()));
        Self { stream, control, ..Self::new(ask) }
    }

    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct VersionOnly {
            spile: u64,
        }
        let wrong = |e| format!("this is no request: {e}");
        let head: VersionOnly = serde_json::from_slice(line).map_err(wrong)?;
        if head.spile != VERSION {
            return Err(format!(
                "version {} of the protocol is not spoken here, only {VERSION}",
                head.spile
            ));
        }
        serde_json::from_slice(line).map_err(wrong)
    }
}

/// Answer of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Answer {
    /// The turn is being cancelled.
    Accepted {
        #[serde(default)]
        turn: u64,
    },
    /// Line of the terminal event, and the agent's processes that cannot be killed and still run.
    #[serde(skip)]
    Ended {
        event: String,
        left: Vec<i32>,
    },
    Redirected,
    /// The agent has read the message.
    Taken,
    /// The message was written to the agent.
    Written,
    /// The message waits until the agent takes one.
    Queued,
    Permitted,
    /// The state of the run, without the version.
    State(Value),
    Refused {
        #[serde(default)]
        code: String,
        #[serde(default)]
        reason: String,
    },
    /// The request was not understood.
    Error {
        #[serde(default)]
        reason: String,
    },
    /// The run cannot be reached any more; never sent.
    #[serde(skip)]
    Lost(String),
}

impl Answer {
    /// The answer in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Ended { .. } => "ended",
            Self::Redirected => "redirected",
            Self::Taken => "taken",
            Self::Written => "written",
            Self::Queued => "queued",
            Self::Permitted => "answered",
            Self::State(_) => "state",
            Self::Refused { .. } => "refused",
            Self::Error { .. } => "error",
            Self::Lost(_) => "lost",
        }
    }

    pub fn refused(code: &str, reason: &str) -> Self {
        Self::Refused { code: code.to_owned(), reason: reason.to_owned() }
    }

    pub(super) fn line(&self) -> String {
        #[derive(Serialize)]
        struct Reply<'a> {
            spile: u64,
            #[serde(flatten)]
            answer: &'a Answer,
        }
        match self {
            Self::Ended { event, left } => {
                // The event as it is in the stream, byte for byte.
                let left =
                    if left.is_empty() { String::new() } else { format!(r#","left":{left:?}"#) };
                format!(r#"{{"spile":{VERSION},"answer":"ended","event":{event}{left}}}"#)
            }
            answer => serde_json::to_string(&Reply { spile: VERSION, answer }).unwrap_or_default(),
        }
    }

    pub(super) fn parse(line: &str) -> Self {
        #[derive(Deserialize)]
        struct Reply<'a> {
            answer: String,
            #[serde(default)]
            left: Vec<i32>,
            #[serde(borrow, default)]
            event: Option<&'a RawValue>,
        }
        let Ok(reply) = serde_json::from_str::<Reply<'_>>(line) else {
            return Self::Lost("the answer is not understood".into());
        };
        if let ("ended", Some(event)) = (reply.answer.as_str(), reply.event) {
            return Self::Ended { event: event.get().to_owned(), left: reply.left };
        }
        match serde_json::from_str(line) {
            Ok(Self::State(mut state)) => {
                state.as_object_mut().and_then(|state| state.shift_remove("spile"));
                Self::State(state)
            }
            Ok(answer) => answer,
            Err(_) => Self::Lost(format!("the answer {:?} is not understood", reply.answer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let cancel = CancelTurn { turn: Some(3), then: Some("a\nb".into()), ..Default::default() };
        let permit = PermitTool { id: Some("7".into()), ..Default::default() };
        for ask in [
            Ask::Query,
            Ask::Cancel(cancel),
            Ask::Redirect { prompt: "x".into() },
            Ask::Send(Text { text: "-ä\u{0}".into(), by: Some("me".into()), force: true }),
            Ask::Permit(permit),
        ] {
            let request = Request { stream: Some("s".into()), ..Request::new(ask) };
            let line = serde_json::to_vec(&request).unwrap();
            assert_eq!(Request::parse(&line), Ok(request));
        }
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        for answer in [
            Answer::Accepted { turn: 7 },
            Answer::Ended { event: r#"{"v":1, "x":1.0}"#.into(), left: vec![4, 5] },
            Answer::Redirected,
            Answer::Taken,
            Answer::Written,
            Answer::Queued,
            Answer::Permitted,
            Answer::State(json!({"turn": 1, "tools": []})),
            Answer::refused("no_turn", "no turn is open"),
            Answer::Error { reason: "why".into() },
        ] {
            assert_eq!(Answer::parse(&answer.line()), answer);
        }
        let unknown = Answer::parse(r#"{"spile":1,"answer":"new"}"#);
        assert!(matches!(unknown, Answer::Lost(why) if why.contains("new")));
        assert!(matches!(Answer::parse("{"), Answer::Lost(_)));
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        for (line, want) in [
            (r#"{"spile":2,"ask":"query"}"#, "version 2"),
            (r#"{"spile":1,"ask":"dance"}"#, "this is no request"),
            (r#"{"spile":1,"ask":"send"}"#, "this is no request"),
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
