//! Secrets in a command line: masked wherever a command line is written down, so that no recording, event or list keeps
//! a key. The process itself gets the real words. It errs on the side of masking.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The text that stands for a secret.
pub const MASK: &str = "***";

/// The words of a command line, with the values that look like secrets replaced by [`MASK`]: those of flags, variables
/// and headers whose names speak of keys, tokens, secrets or passwords, the user information of URLs, and keys of known
/// prefixes. References such as `$TOKEN`, plain numbers of a token limit and names of files stay.
pub fn mask(argv: &[String]) -> Vec<String> {
    let mut masked = Vec::with_capacity(argv.len());
    let mut before = "";
    for word in argv {
        masked.push(match flag(before) {
            // A line for a shell begins with an assignment perhaps, and is more than that.
            Some(name) if name.ends_with('c') && word.contains(char::is_whitespace) => {
                mask_text(word)
            }
            Some(name) if !word.starts_with("--") => value_of(name, word),
            _ => mask_word(word),
        });
        before = word;
    }
    masked
}

/// The name of a flag that takes its value from the next word.
fn flag(word: &str) -> Option<&str> {
    let name = word.trim_start_matches('-');
    (name.len() < word.len() && !name.contains(['=', ':', ' '])).then_some(name)
}

/// The value of a flag or a variable.
fn value_of(name: &str, value: &str) -> String {
    match name {
        "u" | "U" | "user" | "proxy-user" => user(value),
        "H" | "header" => header(value),
        _ if is_secret(name) && !is_harmless(name, value) => MASK.to_owned(),
        _ => mask_word(value),
    }
}

/// `name:password`, but not the numbers of a user and a group.
fn user(value: &str) -> String {
    match value.split_once(':') {
        Some((name, password)) if password.bytes().any(|b| !b.is_ascii_digit()) => {
            format!("{name}:{MASK}")
        }
        _ => mask_word(value),
    }
}

/// `Name: value`.
fn header(value: &str) -> String {
    match value.split_once(':') {
        Some((name, rest)) if is_secret(name.trim()) && !is_harmless(name, rest.trim()) => {
            format!("{name}: {MASK}")
        }
        _ => mask_word(value),
    }
}

fn mask_word(word: &str) -> String {
    // A word that is one assignment, with all its spaces: `--api-key=a b`, `API_KEY=a b`, `-e API_KEY=a b`.
    let start = word.trim_start_matches('-');
    let dashes = word.len() - start.len();
    if let Some((name, value)) = start.split_once('=')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && (dashes > 0 || is_secret(name))
    {
        return format!("{}={}", &word[..dashes + name.len()], value_of(name, value));
    }
    if let Some(value) = word.strip_prefix("-H") {
        return format!("-H{}", header(value));
    }
    if let Some((name, _)) = word.split_once(':')
        && (name.contains('-') || name.eq_ignore_ascii_case("authorization"))
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    {
        return header(word);
    }
    mask_text(word)
}

/// The secrets inside a text, such as the line behind `sh -c` or an inline JSON document: the group `value` behind the
/// group `keep`. A group `name` decides whether it is one.
static RULES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let rules = [
        // "name": "value", quotes escaped or not
        r#"(?<keep>\\?["'](?<name>[\w.-]+)\\?["']\s*:\s*\\?["'])(?<value>[^"'\\]*)"#,
        // Name: value, up to the end of the quote or the line; a name with a hyphen, so that prose stays
        r#"(?i)(?<keep>\b(?<name>(?:proxy-)?authorization|(?:set-)?cookie|[\w]+-[\w-]+)\s*:\s*)(?<value>[^"'\n\\]+)"#,
        // name=value, quoted or not
        r#"(?<keep>(?<name>[\w.-]+)\s?=\s?\\?["'])(?<value>[^"'\\]+)"#,
        r#"(?<keep>(?<name>[\w.-]+)=)(?<value>[^\s"'\\&;|]+)"#,
        // ?key=value
        r#"(?i)(?<keep>[?&](?:key|sig|signature|auth|code|pwd)=)(?<value>[^\s"'&;|#]+)"#,
        // --name value
        r#"(?<keep>--?(?<name>[A-Za-z][\w-]*)\s+["']?)(?<value>[^\s"'&;|-][^\s"'&;|]*)"#,
        // Bearer value
        r"(?i)(?<keep>\b(?:bearer|basic)\s+)(?<value>[A-Za-z0-9+/_.~=-]{16,})",
        // scheme://user:password@
        r#"(?<keep>[A-Za-z][A-Za-z0-9+.-]*://)(?<value>[^\s/?#@"']+)@"#,
        // addresses that are secrets themselves
        r"(?<keep>/api(?:/v\d+)?/webhooks/(?:\d+)/)(?<value>[\w-]{6,})",
        r"(?<keep>hooks\.slack\.com/(?:services|workflows)/)(?<value>[\w/]{6,})",
        r"(?<keep>/bot(?:\d{5,}):)(?<value>[\w-]{6,})",
        // keys that are known by their beginning
        r"(?<keep>\b(?:sk|rk|pk|xox[a-z]|xapp|glpat|gldt|pypi|xai|pplx|tvly|fw|nvapi|csk|lin_api|phx)-)(?<value>[A-Za-z0-9_-]{6,})",
        r"(?<keep>\b(?:gh[a-z]|github_pat|hf|npm|gsk|r8|dop_v1|sk_live|sk_test|rk_live|whsec|shpat|figd|ntn|secret|pat)_)(?<value>[A-Za-z0-9_]{6,})",
        r"(?<keep>\b(?:AKIA|ASIA))(?<value>[A-Z0-9]{12,})\b",
        r"(?<keep>\b(?:AIza|ya29\.|eyJ))(?<value>[A-Za-z0-9_.-]{12,})",
        r"(?<keep>-----BEGIN (?:[A-Z ]*)PRIVATE KEY-----)(?<value>[^-]+)",
    ];
    rules.into_iter().filter_map(|rule| Regex::new(rule).ok()).collect()
});

fn mask_text(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    for rule in RULES.iter() {
        if let Cow::Owned(masked) = rule.replace_all(&text, replace) {
            text = Cow::Owned(masked);
        }
    }
    text.into_owned()
}

/// The match with its value masked, or the match itself.
fn replace(found: &Captures<'_>) -> String {
    let (whole, keep, value) = (&found[0], &found["keep"], &found["value"]);
    let name = found.name("name").map(|name| name.as_str());
    if name.is_some_and(|name| !is_secret(name) || is_harmless(name, value)) || value == MASK {
        return whole.to_owned();
    }
    format!("{keep}{MASK}{}", &whole[keep.len() + value.len()..])
}

/// True if a flag, a variable, a header or a key of this name holds a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let mut words = parts(name);
    // What names a place or a kind of the secret is none.
    if words.last().is_some_and(|last| PLACES.contains(&last.as_str())) {
        return false;
    }
    // An identifier beside a key, as in AWS_ACCESS_KEY_ID, is masked with it.
    if words.last().is_some_and(|last| last == "id" || last == "value") {
        words.pop();
    }
    let joined = words.concat();
    // The current folder.
    if matches!(joined.as_str(), "pwd" | "oldpwd") {
        return false;
    }
    words.iter().any(|word| INSIDE.iter().any(|secret| word.contains(secret)))
        || words.last().is_some_and(|last| LAST.contains(&last.as_str()))
        || ENDS.iter().any(|end| joined.ends_with(end))
}

/// Words that make any name one of a secret.
const INSIDE: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "authorization",
    "credential",
    "cookie",
    "bearer",
];

/// Words that do so at a name's end.
const LAST: &[&str] = &["key", "auth", "pwd", "pass", "pat"];

/// The same for names without separators.
const ENDS: &[&str] = &["apikey", "accesskey", "privatekey", "secretkey", "authkey"];

/// Words at a name's end that make it one of something else.
const PLACES: &[&str] =
    &["file", "path", "dir", "env", "limit", "budget", "count", "type", "helper", "store"];

/// The words of a name, in lower case: `apiKey`, `API_KEY` and `api-key` have the same.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower) {
            parts.push(String::new());
        }
        lower = c.is_lowercase();
        if let Some(part) = parts.last_mut().filter(|_| c.is_alphanumeric()) {
            part.extend(c.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// True if a value is none that has to be hidden: a reference to one, a switch, or the number of a limit.
pub(crate) fn is_harmless(name: &str, value: &str) -> bool {
    let reference = value.starts_with(['$', '`']) || value.starts_with("env:");
    let switch = ["", "true", "false", "yes", "no", "on", "off", "none", "null"].contains(&value);
    let limit = value.len() < 10
        && value.bytes().all(|b| b.is_ascii_digit())
        && parts(name).iter().any(|part| part.contains("token"));
    reference || switch || limit
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of words, separated by `¦`, before and after.
    const TABLE: &[(&str, &str)] = &[
        // flags
        ("claude¦--api-key¦abc¦-p¦hi", "claude¦--api-key¦***¦-p¦hi"),
        ("claude¦--api-key=abc def", "claude¦--api-key=***"),
        ("x¦--apiKey¦abc", "x¦--apiKey¦***"),
        ("x¦--token¦abc¦--verbose", "x¦--token¦***¦--verbose"),
        ("x¦--token¦--verbose¦hi", "x¦--token¦--verbose¦hi"),
        ("x¦--client-secret=abc", "x¦--client-secret=***"),
        ("x¦--password¦12345", "x¦--password¦***"),
        ("x¦-token¦abc", "x¦-token¦***"),
        ("curl¦-u¦alice:pw¦https://h", "curl¦-u¦alice:***¦https://h"),
        ("docker¦run¦-u¦1000:1000", "docker¦run¦-u¦1000:1000"),
        ("curl¦--cookie¦sid=1", "curl¦--cookie¦***"),
        // what is no secret
        ("claude¦--max-tokens¦4096", "claude¦--max-tokens¦4096"),
        ("claude¦--max-output-tokens=4096", "claude¦--max-output-tokens=4096"),
        ("x¦--token-file¦/run/token", "x¦--token-file¦/run/token"),
        ("x¦--keyboard¦de", "x¦--keyboard¦de"),
        ("claude¦-p¦fix the monkey: a=b", "claude¦-p¦fix the monkey: a=b"),
        ("claude¦-p¦explain what a token is", "claude¦-p¦explain what a token is"),
        ("git¦clone¦git@github.com:o/r.git", "git¦clone¦git@github.com:o/r.git"),
        ("x¦--model¦gpt-5¦-m¦task-force", "x¦--model¦gpt-5¦-m¦task-force"),
        // headers
        ("curl¦-H¦Authorization: Bearer abc", "curl¦-H¦Authorization: ***"),
        ("curl¦-HX-Api-Key: abc", "curl¦-HX-Api-Key: ***"),
        ("curl¦--header=PRIVATE-TOKEN: abc", "curl¦--header=PRIVATE-TOKEN: ***"),
        ("curl¦--header¦Accept: text/html", "curl¦--header¦Accept: text/html"),
        ("http¦POST¦x-goog-api-key:abc", "http¦POST¦x-goog-api-key: ***"),
        // variables
        ("env¦OPENAI_API_KEY=abc¦codex", "env¦OPENAI_API_KEY=***¦codex"),
        ("env¦DB_PASSWORD=a b c¦codex", "env¦DB_PASSWORD=***¦codex"),
        ("docker¦-e¦GH_TOKEN=abc", "docker¦-e¦GH_TOKEN=***"),
        ("docker¦--env=GH_TOKEN=abc", "docker¦--env=GH_TOKEN=***"),
        ("env¦KEY=abc¦PWD=/home", "env¦KEY=***¦PWD=/home"),
        ("env¦AWS_ACCESS_KEY_ID=abc", "env¦AWS_ACCESS_KEY_ID=***"),
        ("env¦PATH=/bin¦LANG=C", "env¦PATH=/bin¦LANG=C"),
        ("codex¦-c¦providers.x.api_key=\"abc\"", "codex¦-c¦providers.x.api_key=***"),
        // inside a text
        (
            "sh¦-c¦API_KEY=abc claude -p hi; T=$TOKEN x --token def",
            "sh¦-c¦API_KEY=*** claude -p hi; T=$TOKEN x --token ***",
        ),
        (
            "sh¦-c¦curl -H 'Authorization: Bearer abc' https://h/x",
            "sh¦-c¦curl -H 'Authorization: ***' https://h/x",
        ),
        ("sh¦-c¦export TOKEN=\"$(pass x)\"", "sh¦-c¦export TOKEN=\"$(pass x)\""),
        (
            r#"claude¦--mcp-config¦{"env":{"API_KEY":"abc","A":"b"},"headers":{"Authorization":"Bearer x"}}"#,
            r#"claude¦--mcp-config¦{"env":{"API_KEY":"***","A":"b"},"headers":{"Authorization":"***"}}"#,
        ),
        // addresses
        ("git¦clone¦https://u:pw@h/r", "git¦clone¦https://***@h/r"),
        ("curl¦https://h/x?key=abc&a=b", "curl¦https://h/x?key=***&a=b"),
        ("curl¦https://h/x?access_token=abc#f", "curl¦https://h/x?access_token=***"),
        (
            "curl¦https://discord.com/api/webhooks/12345/abc_def-ghi",
            "curl¦https://discord.com/api/webhooks/12345/***",
        ),
        // keys by their beginning, wherever they stand
        ("x¦sk-ant-api03-abcdef", "x¦sk-***"),
        ("x¦the key is sk-proj-abcdef, use it", "x¦the key is sk-***, use it"),
        ("x¦ghp_abcdef123456", "x¦ghp_***"),
        ("x¦github_pat_abcdef123456", "x¦github_pat_***"),
        ("x¦xoxb-123-abcdef", "x¦xoxb-***"),
        ("x¦AKIAABCDEFGHIJKL", "x¦AKIA***"),
    ];

    #[test]
    fn values_that_look_like_secrets_are_masked_and_nothing_else() {
        for (argv, want) in TABLE {
            let argv: Vec<String> = argv.split('¦').map(str::to_owned).collect();
            let masked = mask(&argv);
            assert_eq!(masked.join("¦"), *want);
            assert_eq!(mask(&masked), masked, "masking twice changes nothing");
        }
    }

    #[test]
    fn every_rule_is_a_pattern() {
        assert_eq!(RULES.len(), 16);
    }
}
