//! HTTP options of an address: credentials, trust, timeout, retried statuses.

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use super::reach::Reach;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Web {
    pub access: Access,
    pub timeout: Option<Duration>,
    /// Statuses after which an event is retried; `None`: those that HTTP documents as temporary.
    pub retry: Option<Statuses>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<(u16, u16)>);

impl Statuses {
    /// All statuses that are no success.
    pub fn failures() -> Self {
        Self(vec![(300, 599)])
    }

    pub fn has(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// `429,5xx`.
    pub(super) fn parse(list: &str) -> Result<Self, String> {
        let one = |text: &str| {
            let (first, last) = match text.strip_suffix("xx") {
                Some(digit) => (format!("{digit}00"), format!("{digit}99")),
                None => (text.to_owned(), text.to_owned()),
            };
            let range = first.parse().ok().zip(last.parse().ok());
            range.filter(|(first, last): &(u16, u16)| *first >= 300 && *last <= 599)
        };
        let statuses: Option<Vec<_>> = list.split(',').map(one).collect();
        statuses.map(Self).ok_or_else(|| {
            format!("retry={list} is not a list of statuses: write 3 digits from 300 to 599, or 4xx or 5xx, with commas")
        })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Certificates to trust instead of all others.
    pub ca: Option<PathBuf>,
    /// Header fields; their values are never on a command line.
    pub headers: Vec<Header>,
    pub reach: Reach,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    pub before: &'static str,
    pub value: Secret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    Env(String),
    /// File; trailing white space is ignored.
    File(PathBuf),
}

impl Header {
    /// `NAME:env:VARIABLE` or `NAME:file:PATH`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let place =
            text.split_once(':').and_then(|(name, rest)| Some((name, Secret::parse(rest)?)));
        let Some((name, value)) = place.filter(|(name, _)| is_token(name)) else {
            return Err("a header is NAME:env:VARIABLE or NAME:file:PATH: its value never stands on the command line, where others can read it".to_owned());
        };
        Ok(Self { name: name.to_owned(), before: "", value })
    }

    /// A bearer token (RFC 6750), as `env:VARIABLE` or `file:PATH`.
    pub fn bearer(text: &str) -> Result<Self, String> {
        let value = Secret::parse(text).ok_or(
            "a bearer token is env:VARIABLE or file:PATH: it never stands on the command line, where others can read it",
        )?;
        Ok(Self { name: "Authorization".to_owned(), before: "Bearer ", value })
    }
}

impl Secret {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            (_, "") => None,
            ("env", name) => Some(Secret::Env(name.to_owned())),
            ("file", path) => Some(Secret::File(path.into())),
            _ => None,
        }
    }

    pub(super) fn read(&self) -> Result<String, String> {
        let (value, place) = match self {
            Secret::Env(name) => {
                (env::var(name).map_err(|_| format!("{name} is not set"))?, name.clone())
            }
            Secret::File(path) => {
                let place = path.display().to_string();
                (fs::read_to_string(path).map_err(|e| format!("cannot read {place}: {e}"))?, place)
            }
        };
        match value.trim() {
            "" => Err(format!("{place} is empty")),
            value => Ok(value.to_owned()),
        }
    }
}

/// True for a field name (RFC 9110, 5.1).
fn is_token(name: &str) -> bool {
    let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_the_command_line_is_refused_and_not_repeated() {
        for wrong in ["Authorization: Bearer SECRET", "X:SECRET", "X:env:", "SECRET", "a b:env:X"] {
            let why = Header::parse(wrong).unwrap_err();
            assert!(why.contains("NAME:env:VARIABLE") && !why.contains("SECRET"), "{why}");
        }
        let header = Header::parse("X-Key:file:/a:b").unwrap();
        assert_eq!((header.name.as_str(), header.value), ("X-Key", Secret::File("/a:b".into())));
        assert!(Header::bearer("SECRET").is_err());
        assert_eq!(Header::bearer("env:T").unwrap().before, "Bearer ");
    }
}
