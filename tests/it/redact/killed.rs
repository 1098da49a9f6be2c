//! `wrap --redact` that is killed at random instants: what has left until then has no part of the secret.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::json;

use super::{Random, assert_hidden};
use crate::feed::contract;
use crate::harness::{LIMIT, bash, bin, command, shell_code, stress};

/// A token of a rule, and a value with characters that JSON escapes.
const SECRETS: [&str; 2] =
    ["ghp_abcdefghijklmnopqrstuvwxyz0123456789", "Schlüssel\"für\\Öffner-4711"];

/// Blocks of an answer, each with both secrets.
const BLOCKS: usize = 40;

/// An agent that prints secrets, and the file that its events go to.
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    /// Each line of the agent's output is one write.
    fn new(lines: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let room = Self { folder };
        std::fs::write(room.path("lines"), lines.concat()).unwrap();
        std::fs::write(room.path("value.txt"), SECRETS[1]).unwrap();
        let agent = "while IFS= read -r line; do printf '%s\\n' \"$line\"; done <\"$1\"";
        std::fs::write(room.path("agent"), agent).unwrap();
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn wrap(&self, within: &str) -> Command {
        let value = self.name("value.txt");
        let mut args = vec!["wrap", "--redact", "--from", "claude", "--within", within];
        args.extend(["--value-file", &value, "--", "bash"]);
        let (agent, lines) = (self.name("agent"), self.name("lines"));
        args.extend([agent.as_str(), &lines]);
        command(bin(), &args)
    }
}

/// The output of Claude Code in which every text arrives in pieces of random lengths.
fn lines(random: &mut Random) -> Vec<String> {
    let event = |event: serde_json::Value| {
        let line = json!({"type": "stream_event", "event": event, "session_id": "c0", "parent_tool_use_id": null, "uuid": "u"});
        format!("{line}\n")
    };
    let init = json!({"type": "system", "subtype": "init", "cwd": "/tmp", "session_id": "c0", "tools": [], "model": "m"});
    let mut lines = vec![format!("{init}\n")];
    for number in 0..BLOCKS {
        let message = json!({"id": format!("msg{number}"), "type": "message", "role": "assistant", "content": []});
        lines.push(event(json!({"type": "message_start", "message": message})));
        let block = json!({"type": "text", "text": ""});
        lines.push(event(
            json!({"type": "content_block_start", "index": 0, "content_block": block}),
        ));
        let most = [1, 3, 8, 30][number % 4];
        let text = format!("Take {} or «{}».\n", SECRETS[number % 2], SECRETS[(number + 1) % 2]);
        for piece in random.pieces(&text, most) {
            let delta = json!({"type": "text_delta", "text": piece});
            lines.push(event(json!({"type": "content_block_delta", "index": 0, "delta": delta})));
        }
        lines.push(event(json!({"type": "content_block_stop", "index": 0})));
        let content = [json!({"type": "text", "text": text})];
        let message = json!({"id": format!("msg{number}"), "type": "message", "role": "assistant", "content": content});
        let line = json!({"type": "assistant", "message": message, "session_id": "c0", "parent_tool_use_id": null});
        lines.push(format!("{line}\n"));
    }
    let result = json!({"type": "result", "subtype": "success", "is_error": false, "result": SECRETS[0], "session_id": "c0"});
    lines.push(format!("{result}\n"));
    lines
}

/// `wrap | tee FILE`.
fn into_file(wrap: &mut Command, file: &Path) -> (Child, Child) {
    let mut wrap =
        wrap.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let file = file.display().to_string();
    let tee = command("tee", &[&file])
        .stdin(wrap.stdout.take().unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    (wrap, tee)
}

fn size(file: &Path) -> usize {
    file.metadata().map_or(0, |metadata| usize::try_from(metadata.len()).unwrap())
}

#[test]
fn whatever_is_written_when_wrap_is_killed_has_no_part_of_the_secret() {
    let mut random = Random(41);
    let room = Room::new(&lines(&mut random));
    let file = room.path("events");
    let (mut wrap, mut tee) = into_file(&mut room.wrap("1s"), &file);
    assert_eq!(shell_code(wrap.wait().unwrap()), 0);
    tee.wait().unwrap();
    let whole = std::fs::read(&file).unwrap();
    contract(&whole).unwrap();
    SECRETS.iter().for_each(|secret| assert_hidden(&whole, secret));
    let marks = String::from_utf8_lossy(&whole).matches("[redacted:").count();
    assert!(marks >= 4 * BLOCKS, "{marks} replacements");
    let rounds = stress(500);
    let mut cut = 0;
    for round in 0..rounds {
        std::fs::remove_file(&file).unwrap();
        let within = ["1s", "1ms", "0ms"][random.below(3)];
        let until = random.below(whole.len());
        let (mut wrap, mut tee) = into_file(&mut room.wrap(within), &file);
        let since = Instant::now();
        while size(&file) < until {
            assert!(since.elapsed() < LIMIT, "round {round}: no {until} bytes");
            std::thread::yield_now();
        }
        wrap.kill().unwrap();
        wrap.wait().unwrap();
        tee.wait().unwrap();
        let written = std::fs::read(&file).unwrap();
        cut += usize::from(!String::from_utf8_lossy(&written).contains(r#""kind":"exit""#));
        SECRETS.iter().for_each(|secret| assert_hidden(&written, secret));
    }
    eprintln!("{cut} of {rounds} runs were killed before their end, none left a part of a secret");
    assert!(cut * 2 >= usize::try_from(rounds).unwrap(), "{cut} of {rounds} were killed in time");
}

#[test]
fn a_reader_that_goes_has_seen_no_part_of_the_secret() {
    let mut random = Random(42);
    let room = Room::new(&lines(&mut random));
    for _ in 0..stress(200) {
        let count = 1 + random.below(600);
        let script = format!(
            "spile wrap --redact --from claude --value-file {} -- bash {} {} | head -{count}; echo ${{PIPESTATUS[0]}}",
            room.name("value.txt"),
            room.name("agent"),
            room.name("lines")
        );
        let (stdout, stderr, _) = bash(&script);
        assert_eq!(stderr, "");
        assert!(stdout.ends_with("141\n") || stdout.ends_with("\n0\n"), "{stdout}");
        SECRETS.iter().for_each(|secret| assert_hidden(stdout.as_bytes(), secret));
    }
}
