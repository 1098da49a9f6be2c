//! The strings and numbers of a JSON text, in their order, with the keys that lead to them. It reads every byte once and
//! checks no more than it needs: that nothing but JSON stands between the strings.

/// Object keys of a path that are remembered; those of deeper values are left out.
const MAX_KEYS: usize = 8;

/// A token that may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Key,
    /// A string that is a value.
    Text,
    Number,
}

/// A token and its place: of a string, what is between the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

/// Keys that lead to a value, with their escapes.
#[derive(Debug, Default, Clone)]
pub(super) struct Path<'a> {
    keys: Vec<&'a str>,
    open: Vec<Container>,
    /// Objects among them.
    depth: usize,
}

impl<'a> Path<'a> {
    /// The keys from the outermost object inwards, at most eight.
    pub(super) fn keys(&self) -> &[&'a str] {
        &self.keys
    }

    /// Number of objects around the value.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    fn open(&mut self, container: Container) {
        self.open.push(container);
        self.depth += usize::from(container == Container::Object);
    }

    fn close(&mut self) -> Option<()> {
        if self.open.pop()? == Container::Object {
            self.depth -= 1;
            self.keys.truncate(self.depth);
        }
        Some(())
    }

    fn set(&mut self, key: &'a str) {
        if self.depth <= MAX_KEYS {
            self.keys.truncate(self.depth.saturating_sub(1));
            self.keys.push(key);
        }
    }
}

/// Calls `each` for every token. `None` if something else than JSON stands between them: then tokens were left out.
pub(super) fn walk<'a>(
    json: &'a str,
    mut each: impl FnMut(Found, &Path<'a>) -> Option<()>,
) -> Option<()> {
    let bytes = json.as_bytes();
    let mut path = Path::default();
    let mut at = 0;
    let mut expects_key = false;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let (start, end) = (at, string_end(bytes, at)?);
                at = end + 1;
                let token = if expects_key { Token::Key } else { Token::Text };
                if token == Token::Key {
                    path.set(json.get(start..end)?);
                }
                each(Found { token, start, end }, &path)?;
            }
            b'{' => path.open(Container::Object),
            b'[' => path.open(Container::Array),
            b'}' | b']' => path.close()?,
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {}
            b'-' | b'0'..=b'9' => {
                let start = at - 1;
                let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                at += bytes[at..].iter().take_while(|b| is_part(b)).count();
                each(Found { token: Token::Number, start, end: at }, &path)?;
            }
            b't' | b'f' | b'n' => {
                let rest = &bytes[at - 1..];
                let literals: [&[u8]; 3] = [b"true", b"false", b"null"];
                at += literals.iter().find(|literal| rest.starts_with(literal))?.len() - 1;
            }
            _ => return None,
        }
        match byte {
            b'{' => expects_key = true,
            b',' => expects_key = path.open.last() == Some(&Container::Object),
            b':' | b'[' | b'}' | b']' => expects_key = false,
            _ => {}
        }
    }
    Some(())
}

/// Offset of the quote that ends a string which begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(json: &str) -> Option<Vec<String>> {
        let mut found = Vec::new();
        walk(json, |Found { token, start, end }, path| {
            found.push(format!("{token:?} {} {}", path.keys().join("."), &json[start..end]));
            Some(())
        })?;
        Some(found)
    }

    #[test]
    fn each_key_string_and_number_has_its_path() {
        let found =
            tokens(r#"{"a":"b","c":[1,{"d":{"e\"":"f"}},"g"],"h":-2.5e3,"i":{"j":true},"k":"l"}"#);
        let want = [
            "Key a a",
            "Text a b",
            "Key c c",
            "Number c 1",
            "Key c.d d",
            r#"Key c.d.e\" e\""#,
            r#"Text c.d.e\" f"#,
            "Text c g",
            "Key h h",
            "Number h -2.5e3",
            "Key i i",
            "Key i.j j",
            "Key k k",
            "Text k l",
        ];
        assert_eq!(found.unwrap(), want);
    }

    #[test]
    fn what_is_no_json_is_not_read_over() {
        for broken in
            [r#"{"a":secret}"#, r#"{"a":"b"} secret"#, r#"{"a":"b"#, r#"{"a":"b\"#, "}", "[nul]"]
        {
            assert_eq!(tokens(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_deep_value_is_found() {
        let json = "[".repeat(100_000) + "\"x\"" + &"]".repeat(100_000);
        assert_eq!(tokens(&json).unwrap(), ["Text  x"]);
        let json = r#"{"a":"#.repeat(20) + "\"x\"" + &"}".repeat(20);
        assert_eq!(tokens(&json).unwrap().len(), 21);
    }
}
