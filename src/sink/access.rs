//! Credentials and trust of an HTTP client: header fields whose values are read from the environment or a file, and the file
//! of trusted certificates.

use std::path::PathBuf;
#[cfg(feature = "http")]
use std::{env, fs};

/// How a client is to be known to a server, and which server to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The file with the certificates to trust instead of all others.
    pub ca: Option<PathBuf>,
    /// Header fields, whose values nobody wrote on a command line.
    pub headers: Vec<Header>,
}

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// What stands before its value (`Bearer `).
    pub before: &'static str,
    /// Where its value is.
    pub value: Secret,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In this variable of the environment.
    Env(String),
    /// In this file; white space at its end is none of it.
    File(PathBuf),
}

impl Header {
    /// `NAME:env:VARIABLE` or `NAME:file:PATH`.
    ///
    /// # Errors
    /// For a person; a value is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let place =
            text.split_once(':').and_then(|(name, rest)| Some((name, Secret::parse(rest)?)));
        let Some((name, value)) = place.filter(|(name, _)| is_token(name)) else {
            return Err("a header is NAME:env:VARIABLE or NAME:file:PATH: its value never stands on the command line, where others can read it".to_owned());
        };
        Ok(Self { name: name.to_owned(), before: "", value })
    }

    /// A bearer token (RFC 6750), as `env:VARIABLE` or `file:PATH`.
    ///
    /// # Errors
    /// For a person.
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

    #[cfg(feature = "http")]
    pub(super) fn read(&self) -> Result<String, String> {
        let value = match self {
            Secret::Env(name) => env::var(name).map_err(|_| format!("{name} is not set"))?,
            Secret::File(path) => fs::read_to_string(path)
                .map_err(|e| format!("cannot read {}: {e}", path.display()))?,
        };
        match value.trim() {
            "" => Err(match self {
                Secret::Env(name) => format!("{name} is empty"),
                Secret::File(path) => format!("{} is empty", path.display()),
            }),
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
