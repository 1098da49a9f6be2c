//! Built-in rules of `spile redact`: the shapes of secrets, as their vendors document them. A rule never depends on how
//! random a text looks.
//!
//! A regex begins with a literal of at least four bytes, so that text without secrets costs little, and its least length
//! is so large that neither prose nor source code matches. If words end like the literal ("task-", "disk_"), it has to
//! begin a word. If a rule hides a part of its match, that part is the group `secret`: a beginning of the group at the end of
//! a text may be a secret that is cut, so a prefix that is an ordinary word ("github_pat_", "npm_") stays outside. All classes and word boundaries are ASCII: a secret behind
//! a letter of another script is found.

use std::iter;

mod clouds;
mod hosts;
mod keys;
mod models;
mod services;
#[cfg(test)]
pub(super) mod tests;

/// A rule of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Name in kebab case: it stands in the text that replaces a secret, and behind `--only` and `--skip`.
    pub name: &'static str,
    /// Kind of secret, in a few words.
    pub description: &'static str,
    /// Pattern in the syntax of the crate regex.
    pub regex: &'static str,
    /// End of the secret, if it is known only by a marker behind it.
    pub until: Option<Until>,
    /// URLs of the documents that describe the shape or the kind of secret, separated by `; `, each perhaps with the name under
    /// which it stands there. Where the vendor documents no shape, one is a table of rules that has it.
    pub source: &'static str,
    /// Texts of which the whole is hidden, or what stands between `«` and `»`. `<36 alnum>` stands for 36 characters of a
    /// class.
    pub secrets: &'static [&'static str],
    /// Texts without a secret that look like one.
    pub others: &'static [&'static str],
}

/// End of a secret of many lines: everything behind the match is hidden up to the end of the marker, or for so many lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    /// Pattern of the marker, in the syntax of the crate regex.
    pub end: &'static str,
    /// Most line feeds behind the match.
    pub lines: u32,
}

/// Every built-in rule, in the order of the manual.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    iter::empty()
        .chain(models::RULES)
        .chain(clouds::RULES)
        .chain(hosts::RULES)
        .chain(services::RULES)
        .chain(keys::RULES)
}

/// The rule of this name.
pub fn by_name(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.name == name)
}

/// A secret at the beginning of a word. What stands before it is no part of the group `secret`, and neither is a beginning of
/// the word that stays, because it is a word of source code itself.
macro_rules! word {
    ($secret:literal) => {
        word!("", $secret)
    };
    ($stays:literal, $secret:literal) => {
        concat!("(?<word_start>)", $stays, "(?<secret>", $secret, ")")
    };
}
use word;

/// A name, what stands between a name and its value in JSON, YAML, INI, XML, shell and source code, and the value, which
/// is the group `secret`; before it the scheme of a header, which stays.
macro_rules! keyed {
    ($names:literal, $secret:literal) => {
        keyed!($names, "", $secret)
    };
    ($names:literal, $scheme:literal, $secret:literal) => {
        concat!(
            "(?:_|(?<word_start>))(?:",
            $names,
            r#")["'`\\]{0,8}[ \t]{0,8}[:=,>|][ \t>]{0,8}["'`\\]{0,8}"#,
            $scheme,
            "(?<secret>",
            $secret,
            ")"
        )
    };
}
use keyed;
