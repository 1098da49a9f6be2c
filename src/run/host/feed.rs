//! Input on its way to the agent's stdin: ours, or that of a driver.

use std::os::fd::OwnedFd;

use crate::run::input::{self, Read};

/// True if an argument of an agent says that it reads prompts from its stdin, as `--input-format stream-json` does.
pub(super) fn names_prompts(argv: &[String]) -> bool {
    let words = ["rpc", "acp", "proto", "app-server", "serve"];
    let named =
        |arg: &String| arg.contains("input") || words.contains(&arg.trim_start_matches('-'));
    argv.iter().skip(1).any(named)
}

pub(super) struct Feed {
    pub to: OwnedFd,
    held: Vec<u8>,
    /// Orders that wait for the end of a line.
    lines: Vec<u8>,
    /// True if the input so far ends within a line.
    mid_line: bool,
    ended: bool,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Our stdin.
    Stdin,
    /// A driver.
    Driver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    Input,
    Room,
    /// A message of the driver.
    Message,
    /// None: all was passed on, or the agent has closed its stdin.
    Nothing,
}

impl Feed {
    pub(super) fn new(to: OwnedFd, source: Source) -> std::io::Result<Self> {
        rustix::io::ioctl_fionbio(&to, true)?;
        Ok(Self { to, held: Vec::new(), lines: Vec::new(), mid_line: false, ended: false, source })
    }

    pub(super) fn wants(&self) -> Wants {
        match (self.held.is_empty(), self.ended) {
            (false, _) => Wants::Room,
            (true, false) if self.source == Source::Driver => Wants::Message,
            (true, false) => Wants::Input,
            (true, true) => Wants::Nothing,
        }
    }

    /// Copies a piece, once what it waits for is there.
    pub(super) fn copy(&mut self, buf: &mut [u8]) {
        if self.wants() == Wants::Input {
            match input::read(rustix::stdio::stdin(), buf) {
                Ok(Read::Bytes(n)) => self.take(buf.get(..n).unwrap_or_default()),
                Ok(Read::Later) => {}
                Ok(Read::End) | Err(_) => self.end(),
            }
        }
        match rustix::io::write(&self.to, &self.held) {
            Ok(n) => drop(self.held.drain(..n)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            // The agent has closed its stdin: the rest is dropped.
            Err(_) => {
                self.ended = true;
                self.held.clear();
            }
        }
    }

    /// Queues a text of the driver.
    pub(super) fn push(&mut self, text: &str) {
        if !self.ended {
            self.held.extend(text.bytes());
        }
    }

    /// Closes the agent's stdin behind what is queued.
    pub(super) fn close(&mut self) {
        self.ended = true;
    }

    pub(super) fn is_open(&self) -> bool {
        !self.ended
    }

    /// Queues an order in front of waiting input, never within a line.
    pub(super) fn emit(&mut self, line: &str) {
        let line = [line.as_bytes(), b"\n"].concat();
        match memchr::memrchr(b'\n', &self.held) {
            _ if !self.mid_line => self.held.extend(line),
            Some(end) => drop(self.held.splice(end + 1..end + 1, line)),
            None => self.lines.extend(line),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.mid_line = bytes.last().is_some_and(|b| *b != b'\n');
        match memchr::memchr(b'\n', bytes) {
            Some(end) if !self.lines.is_empty() => {
                let (first, rest) = bytes.split_at(end + 1);
                self.held.extend(first);
                self.held.append(&mut self.lines);
                self.held.extend(rest);
            }
            _ => self.held.extend(bytes),
        }
    }

    fn end(&mut self) {
        self.ended = true;
        if !self.lines.is_empty() {
            // The last line ends without a line feed.
            self.held.push(b'\n');
            self.held.append(&mut self.lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Feed {
        Feed::new(std::io::pipe().unwrap().1.into(), Source::Stdin).unwrap()
    }

    #[test]
    fn a_line_of_our_own_stands_between_lines() {
        for (before, after, want) in [
            ("", "x\n", "!\nx\n"),
            ("a\n", "b\n", "a\n!\nb\n"),
            ("a\nb", "c\nd", "a\n!\nbc\nd"),
            ("a", "b", "ab\n!\n"),
            ("a", "b\nc\n", "ab\n!\nc\n"),
        ] {
            let mut feed = feed();
            feed.take(before.as_bytes());
            feed.emit("!");
            feed.take(after.as_bytes());
            feed.end();
            assert_eq!(String::from_utf8_lossy(&feed.held), want);
        }
    }

    #[test]
    fn what_was_passed_on_may_end_in_the_middle_of_a_line() {
        let mut feed = feed();
        feed.take(b"a\nb");
        feed.held.clear();
        feed.emit("!");
        assert!(feed.held.is_empty());
        feed.take(b"c\n");
        assert_eq!(feed.held, b"c\n!\n");
    }
}
