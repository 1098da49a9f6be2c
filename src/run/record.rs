//! Raw recording of an agent: its output with times, as NDJSON, so that it can be replayed as the agent itself.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::guard::Ended;
use crate::sink::open_private;
use crate::time::Time;

#[derive(Debug)]
pub struct Record {
    file: File,
    started: Time,
    pub(super) failed: Option<io::Error>,
}

impl Record {
    /// Creates a recording at `path`, readable by this user alone; an existing file is truncated.
    pub fn create(now: Time, path: &Path, argv: &[String]) -> io::Result<Self> {
        let file = if path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") {
            // Descriptor opened by the caller, as for `>(gzip)`.
            File::options().write(true).open(path)?
        } else {
            open_private(path)?
        };
        if file.metadata()?.is_file() {
            file.set_len(0)?;
        }
        let mut record = Self { file, started: now, failed: None };
        let header = json!({"spile": "raw", "v": 1, "argv": argv, "started": now.to_string()});
        record.line(&header);
        match record.failed.take() {
            Some(e) => Err(e),
            None => Ok(record),
        }
    }

    pub(super) fn read(&mut self, now: Time, from: &str, bytes: &[u8]) {
        let data = match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => json!({"b64": STANDARD.encode(bytes)}),
        };
        self.line(&json!([self.millis(now), from, data]));
    }

    /// Records the exit, with the status that a shell reports.
    pub(super) fn exit(&mut self, now: Time, ended: Ended) {
        let ms = self.millis(now);
        let line = match ended {
            Ended::Exited(code) => json!([ms, "x", code]),
            // Only the field distinguishes a death by a signal from an exit with that status.
            Ended::Signalled(signal) => json!([ms, "x", 128 + signal, {"signal": signal}]),
            Ended::Eof => json!([ms, "x", 0]),
        };
        self.line(&line);
    }

    fn millis(&self, now: Time) -> u64 {
        u64::try_from(now.since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    fn line(&mut self, value: &serde_json::Value) {
        if self.failed.is_none() {
            let line = format!("{value}\n");
            self.failed = self.file.write_all(line.as_bytes()).err();
        }
    }
}
