//! Addresses as messages show them, without passwords, tokens and arguments.

/// Recognisable part of an address: scheme, host and port of a URL, the program of a command; a path is unchanged.
/// Accepts typed and stored forms.
pub fn masked(address: &str) -> String {
    for kind in ["cmd:", "pipe:"] {
        if let Some(line) = address.strip_prefix(kind) {
            let program = line.split_whitespace().next().unwrap_or_default();
            let end = program.find(['#', '=']).unwrap_or(program.len());
            return format!("{kind}{}", &program[..end]);
        }
    }
    for kind in ["nats:", "sse:"] {
        if address.starts_with(kind) && !address.contains("://") {
            return kind.to_owned();
        }
    }
    let Some((scheme, rest)) = split(address) else { return address.to_owned() };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    // A password may contain an unescaped @.
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// Scheme and rest of a URL, also with mistyped slashes.
fn split(address: &str) -> Option<(&str, &str)> {
    if let Some((scheme, rest)) = address.split_once("://") {
        let name = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        if !scheme.is_empty() && scheme.chars().all(name) {
            return Some((scheme, rest));
        }
    }
    let (scheme, rest) = address.split_once(':')?;
    let http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    http.then(|| (scheme, rest.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_no_secret_is_shown() {
        for (address, shown) in [
            ("https://u:p@h.example:8/api/TOKEN?x=SECRET", "https://h.example:8"),
            ("https://u:p@ss@h.example", "https://h.example"),
            ("https://TOKEN@h#to=discord-webhook", "https://h"),
            ("https://h?key=SECRET", "https://h"),
            ("HTTPS://u:p@h/x", "HTTPS://h"),
            ("https:/u:p@h/TOKEN", "https://h"),
            ("http:u:p@h/TOKEN", "http://h"),
            ("ftp://u:p@h/x", "ftp://h"),
            ("http://[::1]:8080/TOKEN", "http://[::1]:8080"),
            ("https://", "https://"),
            ("cmd:curl -H 'Authorization: SECRET'", "cmd:curl"),
            ("cmd:echo 'left open SECRET", "cmd:echo"),
            ("pipe:TOKEN=SECRET prog", "pipe:TOKEN"),
            ("cmd:x#only=status", "cmd:x"),
            ("./run.ndjson", "./run.ndjson"),
            ("file:/a/b", "file:/a/b"),
            ("unix:/tmp/s", "unix:/tmp/s"),
            ("a:b", "a:b"),
        ] {
            assert_eq!(masked(address), shown, "{address}");
        }
    }
}
