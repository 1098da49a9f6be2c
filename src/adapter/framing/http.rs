//! The header block that `curl -i` prints before a body, of any version of HTTP.

use serde_json::{Map, Value};

/// Limit of headers that are kept.
const MAX_HEADERS: usize = 100;

/// Headers whose value is nobody's business downstream.
const SECRET: [&str; 2] = ["set-cookie", "authorization"];

/// The head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHead {
    /// The status line.
    pub line: String,
    /// Its number.
    pub status: u16,
    headers: Vec<(String, String)>,
}

/// True if a line can stand in a header block.
pub(super) fn is_header(line: &str) -> bool {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    line.split_once(':').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(token))
}

impl HttpHead {
    /// Reads a status line.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (version, rest) = line.strip_prefix("HTTP/")?.split_once(' ')?;
        let status = rest.get(..3)?.parse().ok()?;
        let digits = version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let line = line.trim_end().to_owned();
        (digits && (100..600).contains(&status)).then_some(Self { line, status, headers: vec![] })
    }

    pub(super) fn add(&mut self, line: &str) {
        if let Some((name, value)) = line.split_once(':')
            && self.headers.len() < MAX_HEADERS
        {
            self.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The value of a header, by its name in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All of it for a status, without what is secret.
    pub fn data(&self) -> Value {
        let public = self.headers.iter().filter(|(name, _)| !SECRET.contains(&name.as_str()));
        let headers = public.map(|(name, value)| (name.clone(), value.as_str().into()));
        let headers: Map<String, Value> = headers.collect();
        serde_json::json!({"status": self.status, "headers": headers})
    }
}
