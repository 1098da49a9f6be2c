//! The header block that `curl -i` prints before a body, of any version of HTTP.

use serde_json::{Map, Value};

/// How many headers are kept.
const MAX_HEADERS: usize = 100;

/// Headers whose value is nobody's business downstream.
const SECRET: [&str; 2] = ["set-cookie", "authorization"];

/// The head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
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

impl Head {
    /// Reads a status line.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (version, rest) = line.strip_prefix("HTTP/")?.split_once(' ')?;
        let status = rest.get(..3)?.parse().ok()?;
        let digits = version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        (digits && (100..600).contains(&status)).then(|| Self {
            line: line.trim_end().to_owned(),
            status,
            headers: Vec::new(),
        })
    }

    pub(super) fn add(&mut self, line: &str) {
        if let Some((name, value)) = line.split_once(':')
            && self.headers.len() < MAX_HEADERS
        {
            let name = name.to_ascii_lowercase();
            self.headers.push((name, value.trim().to_owned()));
        }
    }

    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All of it for a status, without what is secret.
    pub fn data(&self) -> Value {
        let headers = self.headers.iter();
        let headers: Map<String, Value> = headers
            .filter(|(name, _)| !SECRET.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        serde_json::json!({"status": self.status, "headers": headers})
    }
}
