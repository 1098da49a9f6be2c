//! Repeated calls: the same tool with the same input and the same result, several times in a row.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::mask;
use crate::codec::{self, Fields};

/// The last calls of a turn, as far as they were the same.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// Hash of the call and its result.
    last: u64,
    count: u64,
}

impl Repeats {
    /// Takes a finished call, whose start had the hash `started` (see [`call`]); returns how many of the last calls were the
    /// same. A call of unknown input is like no other.
    pub(super) fn finish(&mut self, started: Option<u64>, body: &Fields<'_>) -> u64 {
        let Some(started) = started else {
            self.count = 0;
            return 0;
        };
        let mut hasher = DefaultHasher::new();
        started.hash(&mut hasher);
        (body.raw("outcome"), body.raw("exit_code")).hash(&mut hasher);
        let output = body.raw("output").unwrap_or_default();
        mask::hash(&codec::text(output).unwrap_or(output.into()), &mut hasher);
        let same = std::mem::replace(&mut self.last, hasher.finish()) == hasher.finish();
        self.count = if same { self.count + 1 } else { 1 };
        self.count
    }
}

/// Hash of a call: who calls which tool with which input.
pub(super) fn call(parent: Option<&str>, tool: &Fields<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (parent, tool.text("name"), tool.raw("input"), tool.text("title")).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(results: &[(Option<u64>, &str)]) -> Vec<u64> {
        let mut repeats = Repeats::default();
        let each = |(started, body): &(Option<u64>, &str)| {
            repeats.finish(*started, &Fields::parse(body).unwrap())
        };
        results.iter().map(each).collect()
    }

    #[test]
    fn results_that_differ_in_numbers_only_are_the_same() {
        let of = |output: &str| format!(r#"{{"outcome":"error","output":"{output}"}}"#);
        let [a, b, c] = ["failed after 1.5 s", "failed after 10.25 s", "passed after 1 s"].map(of);
        let call = Some(1);
        assert_eq!(counts(&[(call, &a), (call, &b), (call, &a)]), [1, 2, 3]);
        assert_eq!(counts(&[(call, &a), (call, &c), (call, &a)]), [1, 1, 1]);
        assert_eq!(counts(&[(call, &a), (Some(2), &a), (call, &a)]), [1, 1, 1]);
        assert_eq!(counts(&[(call, &a), (None, &a), (call, &a)]), [1, 0, 1]);
        let end = |code: u8| format!(r#"{{"outcome":"error","exit_code":{code}}}"#);
        let ends = [r#"{"outcome":"ok"}"#, r#"{"outcome":"error"}"#, &end(1), &end(2)];
        assert_eq!(counts(&ends.map(|body| (call, body))), [1; 4]);
    }

    #[test]
    fn an_input_that_differs_in_a_number_is_another() {
        let call = |tool: &str| call(None, &Fields::parse(tool).unwrap());
        let read = |offset| call(&format!(r#"{{"name":"Read","input":{{"offset":{offset}}}}}"#));
        assert_eq!(read(1), read(1));
        assert_ne!(read(1), read(2));
    }
}
