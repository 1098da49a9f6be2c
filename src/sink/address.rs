//! What a sink is called on the command line, and which events it wants. Pure: it opens nothing.
//!
//! `PLACE[#OPTION[&OPTION]...]`. A `#` in the place itself is written `##`, a file whose name begins like another kind of
//! sink with a folder: `./cmd:x`.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, none_of};
use nom::combinator::{all_consuming, map, opt, value};
use nom::multi::{fold_many0, fold_many1, separated_list0, separated_list1};
use nom::sequence::{delimited, preceded, separated_pair};
use nom::{IResult, Parser};

use super::part;
use crate::event::{Event, Type};
use crate::filter::select::glob;

/// A sink as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Where it is.
    pub place: Place,
    /// Which events it gets; `None`: all, and every other byte too.
    pub only: Option<Selection>,
    /// What they are turned into on the way.
    pub to: Payload,
    /// The name by which the ledger and messages know it, whatever its address is.
    pub called: Option<String>,
}

/// Where a sink is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A path.
    File(String),
    /// A command and its arguments, a process for each event.
    Command(Vec<String>),
    /// A command and its arguments, one process for all.
    Pipe(Vec<String>),
    /// An `http://` or `https://` address.
    Http(String),
    /// A socket that is listened on.
    Unix(String),
}

/// What an HTTP sink sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Payload {
    /// The event.
    #[default]
    Event,
    /// A message for a Discord webhook.
    Discord,
}

/// Which events a sink gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    types: [bool; TYPES.len()],
    parts: bool,
}

const TYPES: [Type; 10] = [
    Type::TurnStarted,
    Type::TextDelta,
    Type::BlockFinal,
    Type::ToolStarted,
    Type::ToolFinished,
    Type::Status,
    Type::TurnCompleted,
    Type::TurnFailed,
    Type::TurnCancelled,
    Type::Other,
];

impl Selection {
    /// Whether this event is one of them.
    #[must_use]
    pub fn takes(&self, event: &Event<'_>) -> bool {
        let listed = TYPES.iter().zip(self.types);
        listed.into_iter().any(|(t, on)| on && *t == event.kind)
            || (self.parts && part(event).is_some())
    }

    fn parse(patterns: &[&str]) -> Result<Self, String> {
        let mut selection = Self { types: [false; TYPES.len()], parts: false };
        for pattern in patterns {
            if *pattern == "chunks" {
                selection.parts = true;
                continue;
            }
            let mut found = false;
            for (t, on) in TYPES.iter().zip(&mut selection.types) {
                if glob(pattern.as_bytes(), t.name().as_bytes()) {
                    *on = true;
                    found = true;
                }
            }
            if !found {
                let names: Vec<_> = Type::NAMES.iter().map(|(_, name)| *name).collect();
                return Err(format!(
                    "only={pattern} fits no event: write chunks, or types ({}) with * for any letters",
                    names.join(", ")
                ));
            }
        }
        Ok(selection)
    }
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it and what to write, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed: IResult<&str, (String, Option<Options<'_>>)> =
            all_consuming((place_text, opt(preceded(char('#'), options)))).parse(text);
        let Ok((_, (place, options))) = parsed else {
            return Err(
                "a # begins options like #only=turn_*,status or #only=chunks: write ## for a # itself".to_owned(),
            );
        };
        let mut address =
            Self { place: Place::parse(&place)?, only: None, to: Payload::Event, called: None };
        for (key, value) in options.unwrap_or_default() {
            match (key, value) {
                ("only", patterns) => {
                    let patterns: Vec<&str> = patterns.split(',').collect();
                    address.only = Some(Selection::parse(&patterns)?);
                }
                ("name", name) => address.called = Some(called(name)?),
                ("to", "discord-webhook") => address.to = Payload::Discord,
                ("to", other) => {
                    return Err(format!("to={other} is not known: write to=discord-webhook"));
                }
                (key, _) => {
                    return Err(format!(
                        "option {key} is not known: write only=..., to=... or name=..., and ## for a # itself"
                    ));
                }
            }
        }
        if address.to == Payload::Discord && !matches!(address.place, Place::Http(_)) {
            return Err("to=discord-webhook wants an http:// or https:// address".to_owned());
        }
        Ok(address)
    }

    /// What a person calls it; the rest of a URL may be a secret.
    #[must_use]
    pub fn name(&self) -> String {
        if let Some(name) = &self.called {
            return name.clone();
        }
        match &self.place {
            Place::File(path) => path.clone(),
            Place::Command(words) => format!("cmd:{}", words.first().map_or("", String::as_str)),
            Place::Pipe(words) => format!("pipe:{}", words.first().map_or("", String::as_str)),
            Place::Http(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
                let host = rest.split(['/', '?']).next().unwrap_or_default();
                // What stands before an @ is a password.
                let host = host.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{host}")
            }
            Place::Unix(path) => format!("unix:{path}"),
        }
    }
}

/// A name that a sink is given.
fn called(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if name.len() <= 64 && name.chars().all(plain) {
        return Ok(name.to_owned());
    }
    Err("name= is 1 to 64 letters, digits and . _ : -".to_owned())
}

impl Place {
    fn parse(text: &str) -> Result<Self, String> {
        let command = |kind: &str, line: &str| {
            let words = words(line)?;
            match words.first() {
                Some(program) if !program.is_empty() => Ok(words),
                _ => Err(format!("{kind}: names no command")),
            }
        };
        if let Some(line) = text.strip_prefix("cmd:") {
            return Ok(Place::Command(command("cmd", line)?));
        }
        if let Some(line) = text.strip_prefix("pipe:") {
            return Ok(Place::Pipe(command("pipe", line)?));
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("unix: names no socket".to_owned()),
                path => Ok(Place::Unix(path.to_owned())),
            };
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme {
                "http" | "https" if !rest.is_empty() => Ok(Place::Http(text.to_owned())),
                _ => Err(format!(
                    "{scheme}:// is no kind of sink: write http:// or https:// and a host, or ./ before a path"
                )),
            };
        }
        for later in ["sse:", "nats:"] {
            if text.starts_with(later) {
                return Err(format!(
                    "{later} is no kind of sink yet: write ./{text} if it is a file"
                ));
            }
        }
        match text {
            "" => Err("a sink needs a name".to_owned()),
            path => Ok(Place::File(path.to_owned())),
        }
    }
}

/// Up to the `#` that begins the options; `##` is a `#`.
fn place_text(input: &str) -> IResult<&str, String> {
    let piece = alt((is_not("#"), value("#", tag("##"))));
    fold_many0(piece, String::new, |mut all, piece: &str| {
        all.push_str(piece);
        all
    })
    .parse(input)
}

/// Keys and values.
type Options<'a> = Vec<(&'a str, &'a str)>;

fn options(input: &str) -> IResult<&str, Options<'_>> {
    let key = take_while1(|c: char| c.is_ascii_lowercase() || c == '-');
    let option = separated_pair(key, char('='), is_not("&#"));
    separated_list1(char('&'), option).parse(input)
}

/// The words of a command line as a POSIX shell splits them: blanks, quotes and backslashes count, nothing is expanded.
///
/// # Errors
/// For a person: something is left open.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let blank = || fold_many0(nom::character::complete::one_of(" \t\n"), || (), |(), _| ());
    let parsed: IResult<&str, Vec<String>> =
        all_consuming(delimited(blank(), separated_list0(blank1, word), blank())).parse(line);
    parsed
        .map(|(_, words)| words)
        .map_err(|_| format!("a quote or backslash is left open in {line:?}"))
}

fn blank1(input: &str) -> IResult<&str, ()> {
    // A separator is one only if a word follows; what trails is no empty word.
    let (rest, ()) =
        fold_many1(nom::character::complete::one_of(" \t\n"), || (), |(), _| ()).parse(input)?;
    if rest.is_empty() {
        let kind = nom::error::ErrorKind::Eof;
        return Err(nom::Err::Error(nom::error::Error::new(input, kind)));
    }
    Ok((rest, ()))
}

fn word(input: &str) -> IResult<&str, String> {
    let single = delimited(char('\''), opt(is_not("'")), char('\''));
    let single = map(single, |s: Option<&str>| s.unwrap_or_default().to_owned());
    let escaped = preceded(char('\\'), none_of(""));
    let plain = map(is_not(" \t\n'\"\\"), str::to_owned);
    let escaped = map(escaped, |c: char| match c {
        '\n' => String::new(),
        c => c.to_string(),
    });
    fold_many1(alt((single, double, escaped, plain)), String::new, |mut all, piece: String| {
        all.push_str(&piece);
        all
    })
    .parse(input)
}

/// Between double quotes a backslash is one only before what it could protect.
fn double(input: &str) -> IResult<&str, String> {
    let escaped = map(preceded(char('\\'), none_of("")), |c: char| match c {
        '\n' => String::new(),
        '"' | '\\' | '$' | '`' => c.to_string(),
        c => format!("\\{c}"),
    });
    let plain = map(is_not("\"\\"), str::to_owned);
    let inside = fold_many0(alt((plain, escaped)), String::new, |mut all, piece: String| {
        all.push_str(&piece);
        all
    });
    delimited(char('"'), inside, char('"')).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Address::parse(text).unwrap().place
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn places() {
        assert_eq!(place("run.ndjson"), Place::File("run.ndjson".into()));
        assert_eq!(place("a:b"), Place::File("a:b".into()));
        assert_eq!(place("./cmd:x"), Place::File("./cmd:x".into()));
        assert_eq!(place("a##b###only=status"), Place::File("a#b#".into()));
        assert_eq!(place("unix:/tmp/s"), Place::Unix("/tmp/s".into()));
        assert_eq!(place("http://h/p?q=1#only=chunks"), Place::Http("http://h/p?q=1".into()));
        assert_eq!(place("cmd:  jq -r '.a b'  "), Place::Command(strings(&["jq", "-r", ".a b"])));
        assert_eq!(
            place("pipe:x '' \"a \\\" \\n $b\"c\\ d"),
            Place::Pipe(strings(&["x", "", "a \" \\n $bc d"]))
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
            ("a#only=stauts", "fits no event"),
            ("a#to=discord-webhook", "http"),
            ("http://h#to=x", "to=x is not known"),
            ("cmd:", "names no command"),
            ("pipe:  ", "names no command"),
            ("cmd:''", "names no command"),
            ("cmd:echo 'x", "left open"),
            ("cmd:echo \\", "left open"),
            ("unix:", "names no socket"),
            ("ftp://x", "no kind of sink"),
            ("http://", "no kind of sink"),
            ("nats:x", "./nats:x"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
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
        assert!(Address::parse(&format!("x#only={stars}")).unwrap_err().contains("fits no event"));
        assert!(takes(&"*".repeat(60), &event("status", r#","kind":"info""#)));
        assert!(!takes("t*", &event("news", "")));
        let text = r#","block":"b1","kind":"answer","text":"x""#;
        assert!(!takes("chunks", &event("block_final", text)));
        let part = format!(r#"{text},"part":0,"last":true"#);
        assert!(takes("chunks", &event("block_final", &part)));
    }
}
