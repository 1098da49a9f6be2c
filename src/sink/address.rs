//! Sink addresses `PLACE[#OPTION[&OPTION]...]`. `##` is a literal `#`; `./cmd:x` is a file. Pure, except for
//! [`Address::open`] and [`Address::identity`], which call the module of the sink.

use std::path::Path;
use std::time::Duration;

use super::access::{Header, Statuses, Web};
pub use super::command::words;
use super::mask::masked;
use super::unix::UnixSink;
use super::{
    CommandSink, Existing, FileSink, Identity, PipeSink, Proof, Sink, boxed, file, http, part,
};
use crate::event::{Event, Type};
use crate::text::glob::glob;
use crate::time;

/// Time for which an HTTP endpoint keeps idempotency keys: 24 hours, as Stripe and others document.
const HTTP_WINDOW: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub place: Destination,
    /// Selected events; `None`: all, and every other byte.
    pub only: Option<Selection>,
    /// Chat service that gets the answer text as messages; `None` sends events.
    pub to: Option<Service>,
    /// Name for the ledger and messages, independent of the address.
    pub called: Option<String>,
    /// Chat of a service that has several.
    pub chat: Option<String>,
    pub web: Web,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    File(String),
    /// A process for each event: program and arguments.
    Command(Vec<String>),
    /// One process for all events: program and arguments.
    Pipe(Vec<String>),
    Http(String),
    Unix(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Discord,
    Slack,
    /// Incoming webhook or workflow.
    Teams,
    /// `sendMessage` of a bot.
    Telegram,
}

/// Result of a look at an option by its possible owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Yes,
    No,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    types: Vec<Type>,
    parts: bool,
}

impl Selection {
    pub fn takes(&self, event: &Event<'_>) -> bool {
        self.types.contains(&event.kind) || (self.parts && part(event).is_some())
    }

    pub fn parse(patterns: &str) -> Result<Self, String> {
        let mut selection = Self { types: Vec::new(), parts: false };
        for pattern in patterns.split(',') {
            if pattern == "chunks" {
                selection.parts = true;
                continue;
            }
            let all = Type::NAMES.into_iter().chain([(Type::Other, Type::Other.name())]);
            let found = all.filter(|(_, name)| glob(pattern.as_bytes(), name.as_bytes()));
            let before = selection.types.len();
            selection.types.extend(found.map(|(kind, _)| kind));
            if selection.types.len() == before {
                let names: Vec<_> = Type::NAMES.iter().map(|(_, name)| *name).collect();
                return Err(format!(
                    "only={pattern} matches no event: write chunks, or types ({}) with * for any letters",
                    names.join(", ")
                ));
            }
        }
        Ok(selection)
    }
}

impl Address {
    /// Parses an address; the error tells the user what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_with(text, &mut |_, _| Ok(Taken::No))
    }

    /// As [`Address::parse`]. `own` takes options that the caller knows.
    pub fn parse_with(
        text: &str,
        own: &mut dyn FnMut(&str, &str) -> Result<Taken, String>,
    ) -> Result<Self, String> {
        let (place, options) = split(text).ok_or(
            "a # begins options like #only=turn_*,status or #only=chunks: write ## for a # itself",
        )?;
        let mut address = Self {
            place: Destination::parse(&place)?,
            only: None,
            to: None,
            called: None,
            chat: None,
            web: Web::default(),
        };
        for (key, value) in options {
            if own(key, value)? == Taken::No {
                address.option(key, value)?;
            }
        }
        let is_http = matches!(address.place, Destination::Http(_));
        if address.to.is_some() && !is_http {
            return Err("to= wants an http:// or https:// address".to_owned());
        }
        let telegram = address.to == Some(Service::Telegram);
        if telegram != address.chat.is_some() {
            return Err("to=telegram and chat=ID of the chat belong together".to_owned());
        }
        if address.web != Web::default() && !is_http {
            return Err(
                "header, bearer, ca, timeout and retry want an http:// or https:// address"
                    .to_owned(),
            );
        }
        Ok(address)
    }

    fn option(&mut self, key: &str, value: &str) -> Result<(), String> {
        let web = &mut self.web;
        match (key, value) {
            ("only", patterns) => self.only = Some(Selection::parse(patterns)?),
            ("name", name) => self.called = Some(called(name)?),
            ("to", "discord-webhook") => self.to = Some(Service::Discord),
            ("to", "slack-webhook") => self.to = Some(Service::Slack),
            ("to", "teams-webhook" | "teams") => self.to = Some(Service::Teams),
            ("to", "telegram" | "telegram-bot") => self.to = Some(Service::Telegram),
            ("to", other) => {
                return Err(format!(
                    "to={other} is not known: write to=discord-webhook, slack-webhook, teams-webhook or telegram"
                ));
            }
            ("chat", chat) => self.chat = Some(chat.to_owned()),
            ("header", value) => web.access.headers.push(Header::parse(value)?),
            ("bearer", value) => web.access.headers.push(Header::bearer(value)?),
            ("ca", path) => web.access.ca = Some(path.into()),
            ("timeout", text) => {
                let timeout =
                    time::duration(text).map_err(|why| format!("timeout={text}: {why}"))?;
                if timeout.is_zero() {
                    return Err("timeout=0: write a duration above 0".to_owned());
                }
                web.timeout = Some(timeout);
            }
            ("retry", list) => web.retry = Some(Statuses::parse(list)?),
            (key, _) => {
                return Err(format!(
                    "option {key} is not known: write only, to, chat, name, header, bearer, ca, timeout or retry, and ## for a # itself"
                ));
            }
        }
        Ok(())
    }

    /// Name for messages, without secrets.
    pub fn name(&self) -> String {
        if let Some(name) = &self.called {
            return name.clone();
        }
        match &self.place {
            Destination::File(path) => path.clone(),
            Destination::Command(words) => format!("cmd:{}", words[0]),
            Destination::Pipe(words) => format!("pipe:{}", words[0]),
            Destination::Http(url) => masked(url),
            Destination::Unix(path) => format!("unix:{path}"),
        }
    }

    /// Opens the sink, a socket with a history of at most `kept` bytes. `Err` is the reason, for the user.
    pub fn open(&self, existing: Existing, kept: u64) -> Result<Box<dyn Sink>, String> {
        match &self.place {
            Destination::File(path) => boxed(FileSink::open(path, existing)),
            Destination::Command(words) => Ok(Box::new(CommandSink::new(words.clone()))),
            Destination::Pipe(words) => Ok(Box::new(PipeSink::new(words.clone()))),
            Destination::Http(url) => http::open(url, self),
            Destination::Unix(path) => boxed(UnixSink::new(path, kept)),
        }
    }

    /// Identity in the ledger; `None` if the ledger cannot keep the sink: after a crash nothing is left of what a socket, a
    /// FIFO or a terminal was given.
    pub fn identity(&self) -> Option<Identity> {
        let mut identity = match &self.place {
            Destination::File(path) => file::identity(path)?,
            Destination::Command(words) => Identity::new(format!("cmd:{}", words.join(" "))),
            Destination::Pipe(words) => Identity::new(format!("pipe:{}", words.join(" "))),
            Destination::Http(url) => Identity {
                // User and password are not part of the identity; older ledgers had them in it.
                older: vec![url.clone()],
                // Chat services document no id of a message that could be asked for.
                proof: match self.to {
                    None => Proof::Key(HTTP_WINDOW),
                    Some(_) => Proof::Nothing,
                },
                ..Identity::new(without_user(url))
            },
            Destination::Unix(_) => return None,
        };
        if let Some(called) = &self.called {
            let key = std::mem::replace(&mut identity.key, format!("name:{called}"));
            identity.older.insert(0, key);
        }
        Some(identity)
    }
}

/// A URL without user and password.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{}://{}{path}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
}

fn called(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if name.len() <= 64 && name.chars().all(plain) {
        return Ok(name.to_owned());
    }
    Err("name= is 1 to 64 letters, digits and . _ : -".to_owned())
}

impl Destination {
    /// Path of a file or socket.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Destination::File(path) | Destination::Unix(path) => Some(Path::new(path)),
            _ => None,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let command = |kind: &str, line: &str| {
            let words = words(line)?;
            match words.first() {
                Some(program) if !program.is_empty() => Ok(words),
                _ => Err(format!("{kind}: names no command")),
            }
        };
        if let Some(line) = text.strip_prefix("cmd:") {
            return Ok(Destination::Command(command("cmd", line)?));
        }
        if let Some(line) = text.strip_prefix("pipe:") {
            return Ok(Destination::Pipe(command("pipe", line)?));
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("unix: names no socket".to_owned()),
                path => Ok(Destination::Unix(path.to_owned())),
            };
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" if !rest.is_empty() => Ok(Destination::Http(text.to_owned())),
                _ => Err(format!(
                    "{scheme}:// is not a kind of sink: write http:// or https:// and a host, or ./ before a path"
                )),
            };
        }
        for later in ["sse:", "nats:"] {
            if text.starts_with(later) {
                return Err(format!(
                    "{later} is not a kind of sink yet: write ./{later}... if it is a file"
                ));
            }
        }
        match text {
            "" => Err("a sink needs a name".to_owned()),
            path => Ok(Destination::File(path.to_owned())),
        }
    }
}

/// Place with `##` as `#`, and keys and values of the options; `None` if these are malformed.
fn split(text: &str) -> Option<(String, Vec<(&str, &str)>)> {
    let (mut place, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('#') {
        place.push_str(before);
        let Some(after) = after.strip_prefix('#') else {
            return Some((place, after.split('&').map(option).collect::<Option<_>>()?));
        };
        place.push('#');
        rest = after;
    }
    place.push_str(rest);
    Some((place, Vec::new()))
}

fn option(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once('=')?;
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    (is_key && !value.is_empty() && !value.contains('#')).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Destination {
        Address::parse(text).unwrap().place
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn places() {
        assert_eq!(place("run.ndjson"), Destination::File("run.ndjson".into()));
        assert_eq!(place("a:b"), Destination::File("a:b".into()));
        assert_eq!(place("./cmd:x"), Destination::File("./cmd:x".into()));
        assert_eq!(place("a##b###only=status"), Destination::File("a#b#".into()));
        assert_eq!(place("unix:/tmp/s"), Destination::Unix("/tmp/s".into()));
        assert_eq!(place("http://h/p?q=1#only=chunks"), Destination::Http("http://h/p?q=1".into()));
        assert_eq!(
            place("cmd:  jq -r '.a b'  "),
            Destination::Command(strings(&["jq", "-r", ".a b"]))
        );
        assert_eq!(
            place("pipe:x '' \"a \\\" \\n $b\"c\\ d"),
            Destination::Pipe(strings(&["x", "", "a \" \\n $bc d"]))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, word) in [
            ("", "needs a name"),
            ("a#b", "write ## for a #"),
            ("a#", "write ## for a #"),
            ("a#only=", "write ## for a #"),
            ("a#onyl=status", "option onyl is not known"),
            ("a#only=stauts", "matches no event"),
            ("a#to=discord-webhook", "http"),
            ("http://h#to=x", "to=x is not known"),
            ("http://h#to=telegram", "chat=ID"),
            ("http://h#to=slack-webhook&chat=1", "chat=ID"),
            ("a#to=slack-webhook", "http"),
            ("cmd:", "names no command"),
            ("pipe:  ", "names no command"),
            ("cmd:''", "names no command"),
            ("cmd:echo 'x", "left open"),
            ("cmd:echo \\", "left open"),
            ("unix:", "names no socket"),
            ("ftp://x", "not a kind of sink"),
            ("http://", "not a kind of sink"),
            ("x#timeout=1s", "http"),
            ("http://h#timeout=soon", "timeout=soon: write a duration"),
            ("http://h#timeout=0", "timeout=0"),
            ("http://h#retry=200", "not a list of statuses"),
            ("http://h#retry=429,", "not a list of statuses"),
            ("http://h#header=Authorization:Bearer SECRET", "never stands on the command line"),
            ("nats:x", "./nats:"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn an_endpoint_is_asked_as_the_options_say() {
        let address = Address::parse(
            "https://h/x#header=X-Key:env:KEY&bearer=file:/run/t&ca=ca.pem&timeout=2s&retry=404,5xx",
        );
        let web = address.unwrap().web;
        assert_eq!(web.access.ca, Some("ca.pem".into()));
        assert_eq!(web.access.headers.len(), 2);
        assert_eq!(web.timeout, Some(Duration::from_secs(2)));
        let retry = web.retry.unwrap();
        assert!(retry.has(404) && retry.has(503) && !retry.has(403) && !retry.has(429));
    }

    #[test]
    fn a_name_keeps_the_secret() {
        let name = |text| Address::parse(text).unwrap().name();
        assert_eq!(name("https://u:p@h.example:8/api/TOKEN?x"), "https://h.example:8");
        assert_eq!(name("cmd:curl -H secret"), "cmd:curl");
    }

    #[test]
    fn selections() {
        let takes = |only: &str, line: &str| {
            let address = Address::parse(&format!("x#only={only}")).unwrap();
            let event = crate::codec::decode(line.as_bytes()).unwrap();
            address.only.unwrap().takes(&event)
        };
        let event = |kind: &str, rest: &str| {
            format!(
                r#"{{"v":1,"type":"{kind}","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z"{rest}}}"#
            )
        };
        assert!(takes("turn_*,status", &event("turn_started", r#","runtime":"x""#)));
        assert!(takes("turn_*,status", &event("status", r#","kind":"info""#)));
        assert!(!takes("turn_*,status", &event("tool_started", "")));
        assert!(takes("*", &event("news", "")));
        // In time that grows with the pattern, not with its power.
        let stars = "*t".repeat(60);
        assert!(
            Address::parse(&format!("x#only={stars}")).unwrap_err().contains("matches no event")
        );
        assert!(takes(&"*".repeat(60), &event("status", r#","kind":"info""#)));
        assert!(!takes("t*", &event("news", "")));
        let text = r#","block":"b1","kind":"answer","text":"x""#;
        assert!(!takes("chunks", &event("block_final", text)));
        let part = format!(r#"{text},"part":0,"last":true"#);
        assert!(takes("chunks", &event("block_final", &part)));
    }
}
