//! Where a JSON value ends whose beginning has been seen: braces and brackets are counted, what is inside a string is not.

/// How deep inside a JSON value a text has come.
#[derive(Debug, Default)]
pub struct Depth {
    open: usize,
    string: bool,
    escaped: bool,
}

impl Depth {
    /// Goes on with these bytes up to the one that closes what the first brace opened: how many they are, or `None` if
    /// none of them does.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.string => self.escaped = true,
                b'"' => self.string = !self.string,
                _ if self.string => {}
                b'{' | b'[' => self.open += 1,
                b'}' | b']' if self.open == 1 => {
                    self.open = 0;
                    return Some(at + 1);
                }
                b'}' | b']' => self.open = self.open.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    /// True if a brace or a bracket is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open > 0
    }

    /// True if the text stands inside a string.
    #[must_use]
    pub fn in_string(&self) -> bool {
        self.string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_whole_at_its_last_brace() {
        let end = |text: &str| Depth::default().end(text.as_bytes());
        assert_eq!(end(r#"{"a":["}",{"b":"\"}"}]}"#), Some(23));
        assert_eq!(end(r#"{"a":"}"#), None);
        let mut depth = Depth::default();
        assert_eq!(depth.end(br#"{"a":"\"#), None);
        assert!(depth.is_open() && depth.in_string());
        assert_eq!(depth.end(br#""}"} rest"#), Some(4));
    }
}
