//! Values that are known to be secret, and the forms in which they may stand in a text. A value comes as a text: reading
//! the file or the environment is the caller's part.

mod encodings;
mod escapes;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;

use crate::secret::{is_harmless, is_secret};

/// Least length of a value, in bytes. A shorter one is found in ordinary text.
pub const SHORTEST: usize = 8;

/// Greatest length of a value, in bytes: its forms are held in memory, and each is up to 16 times as long.
pub const LONGEST: usize = 16 * 1024;

/// Most forms of a value: itself, 103 by escapes of JSON, 14 percent-encoded, 6 in base64, 2 in hexadecimal digits.
pub const MOST_FORMS: usize = 1 + escapes::MOST + encodings::MOST;

/// Reason why a text cannot be a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Fewer than [`SHORTEST`] bytes, also in every line of a file.
    TooShort,
    /// More than [`LONGEST`] bytes.
    TooLong,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooShort => {
                write!(
                    f,
                    "a value has at least {SHORTEST} bytes: a shorter one is found everywhere"
                )
            }
            Refusal::TooLong => write!(f, "a value has at most {LONGEST} bytes"),
        }
    }
}

/// A value as it is and encoded, without duplicates: escaped one to three times in JSON, percent-encoded, in base64 at each
/// of its three alignments without the characters that depend on the neighbours, and in hexadecimal digits. Each form has
/// at least [`SHORTEST`] bytes; the first one is the value itself. There are at most [`MOST_FORMS`].
///
/// A form is one piece of text. Base64 that is broken into lines is not found, and neither are two different encodings
/// inside each other.
///
/// # Errors
///
/// The value is shorter than [`SHORTEST`] or longer than [`LONGEST`].
pub fn forms(value: &str) -> Result<Vec<Vec<u8>>, Refusal> {
    match value.len() {
        ..SHORTEST => return Err(Refusal::TooShort),
        SHORTEST..=LONGEST => {}
        _ => return Err(Refusal::TooLong),
    }
    let mut found = vec![value.as_bytes().to_vec()];
    found.extend(escapes::json(value).into_iter().map(String::into_bytes));
    found.extend(encodings::percent(value.as_bytes()));
    found.extend(encodings::base64(value.as_bytes()));
    found.extend(encodings::hex(value.as_bytes()));
    let mut seen = HashSet::new();
    found.retain(|form| seen.insert(form.clone()));
    Ok(found)
}

/// The values of a file that holds a secret, a secret in each line, or assignments as in `.env`: the whole text without the
/// line feeds at its end, each line, and what an assignment gives to a name that looks like one of a secret. Left out are
/// lines of fewer than [`SHORTEST`] bytes, the markers of PEM, and a whole of more than [`LONGEST`] bytes that has several
/// lines.
///
/// # Errors
///
/// Nothing in the file is long enough to be a value, or a line is longer than [`LONGEST`].
pub fn of_file(text: &str) -> Result<Vec<String>, Refusal> {
    let whole = text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
    let mut found = Vec::new();
    if (SHORTEST..=LONGEST).contains(&whole.len()) {
        found.push(whole.to_owned());
    }
    for line in whole.lines().map(str::trim).filter(|line| !line.starts_with("-----")) {
        if line.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        found.push(line.to_owned());
        if let Some((name, value)) = assignment(line)
            && is_secret(name)
            && !is_ordinary(name, value)
        {
            found.push(value.to_owned());
        }
    }
    let mut seen = HashSet::new();
    found.retain(|value| value.len() >= SHORTEST && seen.insert(value.clone()));
    if found.is_empty() { Err(Refusal::TooShort) } else { Ok(found) }
}

/// The name and the value of `NAME=value`, without `export` and without quotes.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    (is_name && !name.is_empty())
        .then(|| (name, quoted('"').or_else(|| quoted('\'')).unwrap_or(value)))
}

/// The values of variables whose names look like those of secrets, each with the name of its rule, `env:NAME`. Left out are
/// values that tell nothing: shorter than [`SHORTEST`], longer than [`LONGEST`], numbers, switches, paths, references to
/// another variable. Of equal values, the first counts.
pub fn of_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (name, value) in variables {
        let value = value.trim_end_matches(['\n', '\r']);
        let fits = (SHORTEST..=LONGEST).contains(&value.len());
        if fits && is_secret(&name) && !is_ordinary(&name, value) && seen.insert(value.to_owned()) {
            found.push((format!("env:{name}"), value.to_owned()));
        }
    }
    found
}

/// Folders of which a path begins. A path elsewhere counts as a secret: base64 may begin with a slash.
const ROOTS: &[&str] = &[
    "/home/",
    "/root/",
    "/Users/",
    "/etc/",
    "/var/",
    "/run/",
    "/tmp/",
    "/usr/",
    "/opt/",
    "/mnt/",
    "/srv/",
    "/dev/",
    "/proc/",
    "/nix/",
    "/private/",
    "/Library/",
    "/Applications/",
    "~/",
    "./",
    "../",
    "file://",
];

/// Settings of a feature that have the length of a secret.
const SWITCHES: &[&str] =
    &["disabled", "required", "optional", "preferred", "automatic", "undefined"];

/// True if a value is a setting: a number, a switch, a path or a reference.
fn is_ordinary(name: &str, value: &str) -> bool {
    let number =
        value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'_'));
    let drive = value.as_bytes().get(1..3).is_some_and(|rest| rest == b":\\" || rest == b":/")
        && value.starts_with(|c: char| c.is_ascii_alphabetic());
    let path = drive || ROOTS.iter().any(|root| value.starts_with(root));
    let switch = SWITCHES.contains(&value.to_ascii_lowercase().as_str());
    number || path || switch || is_harmless(name, value)
}
