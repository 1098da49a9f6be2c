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
    let whole_header = word.split_once(':').map(|(name, _)| name);
    if whole_header
        .is_some_and(|name| name.contains('-') || name.eq_ignore_ascii_case("authorization"))
        && whole_header.is_some_and(is_name)
    {
        return header(word);
    }
    mask_text(word)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// A pattern, and how many of its groups stand in front of the secret.
type Rule = (Regex, Named);

/// True if the first group of a pattern is a name that decides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Yes,
    No,
}

/// The secrets inside a text, such as the line behind `sh -c` or an inline JSON document. `name` and `value` are groups.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rules = [
        // "name": "value", quotes escaped or not
        (r#"(?<keep>\\?["'](?<name>[\w.-]+)\\?["']\s*:\s*\\?["'])(?<value>[^"'\\]*)"#, Named::Yes),
        // Name: value, up to the end of the quote or the line; a name with a hyphen, so that prose stays
        (
            r#"(?i)(?<keep>\b(?<name>(?:proxy-)?authorization|(?:set-)?cookie|[\w]+-[\w-]+)\s*:\s*)(?<value>[^"'\n\\]+)"#,
            Named::Yes,
        ),
        // name=value, quoted or not
        (r#"(?<keep>(?<name>[\w.-]+)\s?=\s?\\?["'])(?<value>[^"'\\]+)"#, Named::Yes),
        (r#"(?<keep>(?<name>[\w.-]+)=)(?<value>[^\s"'\\&;|]+)"#, Named::Yes),
        // ?key=value
        (
            r#"(?i)(?<keep>[?&](?<name>key|sig|signature|auth|code|pwd)=)(?<value>[^\s"'&;|#]+)"#,
            Named::No,
        ),
        // --name value
        (
            r#"(?<keep>--?(?<name>[A-Za-z][\w-]*)\s+["']?)(?<value>[^\s"'&;|-][^\s"'&;|]*)"#,
            Named::Yes,
        ),
        // Bearer value
        (r"(?i)(?<keep>\b(?<name>bearer|basic)\s+)(?<value>[A-Za-z0-9+/_.~=-]{16,})", Named::No),
        // scheme://user:password@
        (r#"(?<keep>[A-Za-z][A-Za-z0-9+.-]*://(?<name>))(?<value>[^\s/?#@"']+)@"#, Named::No),
        // addresses that are secrets themselves
        (r"(?<keep>/api(?:/v\d+)?/webhooks/(?<name>\d+)/)(?<value>[\w-]{6,})", Named::No),
        (r"(?<keep>hooks\.slack\.com/(?<name>services|workflows)/)(?<value>[\w/]{6,})", Named::No),
        (r"(?<keep>/bot(?<name>\d{5,}):)(?<value>[\w-]{6,})", Named::No),
        // keys that are known by their beginning
        (
            r"(?<keep>\b(?<name>sk|rk|pk|xox[a-z]|xapp|glpat|gldt|pypi|xai|pplx|tvly|fw|nvapi|csk|lin_api|phx)-)(?<value>[A-Za-z0-9_-]{6,})",
            Named::No,
        ),
        (
            r"(?<keep>\b(?<name>gh[a-z]|github_pat|hf|npm|gsk|r8|dop_v1|sk_live|sk_test|rk_live|whsec|shpat|figd|ntn|secret|pat)_)(?<value>[A-Za-z0-9_]{6,})",
            Named::No,
        ),
        (r"(?<keep>\b(?<name>AKIA|ASIA))(?<value>[A-Z0-9]{12,})\b", Named::No),
        (r"(?<keep>\b(?<name>AIza|ya29\.|eyJ))(?<value>[A-Za-z0-9_.-]{12,})", Named::No),
        (r"(?<keep>-----BEGIN (?<name>[A-Z ]*)PRIVATE KEY-----)(?<value>[^-]+)", Named::No),
    ];
    let compiled =
        rules.into_iter().filter_map(|(rule, named)| Some((Regex::new(rule).ok()?, named)));
    compiled.collect()
});

fn mask_text(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    for (rule, named) in RULES.iter() {
        let masked = rule.replace_all(&text, |found: &Captures<'_>| replace(found, *named));
        if let Cow::Owned(masked) = masked {
            text = Cow::Owned(masked);
        }
    }
    text.into_owned()
}

/// The match with its value masked, or the match itself.
fn replace(found: &Captures<'_>, named: Named) -> String {
    let whole = &found[0];
    let (keep, name, value) = (&found["keep"], &found["name"], &found["value"]);
    let spared = named == Named::Yes && (!is_secret(name) || is_harmless(name, value));
    if spared || value == MASK {
        return whole.to_owned();
    }
    format!("{keep}{MASK}{}", &whole[keep.len() + value.len()..])
}

/// True if a flag, a variable, a header or a key of this name holds a secret.
fn is_secret(name: &str) -> bool {
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
fn is_harmless(name: &str, value: &str) -> bool {
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
        ("x¦AKIAABCDEFGHIJKLMNOP", "x¦AKIA***"),
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
