//! `wrap --cancel-when`: the same events as `wrap | cancel`, condition by condition, on stdin and with an agent; and what a
//! filter in a pipe cannot do.

mod alone;

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::feed::{contract, files};
use crate::harness::{Live, bin, command, events, shell_code};

/// Each condition within wrap, and the options of the filter that mean the same.
const CONDITIONS: &[(&str, &[&str])] = &[
    ("repeat=2", &["--on-repeat", "2"]),
    ("tokens=30", &["--max-tokens", "30"]),
    ("cost=0.15", &["--max-cost", "0.15"]),
    ("text=5", &["--max-text", "5"]),
    ("tool=Bash,tool=bash", &["--on-tool", "Bash,bash"]),
    ("match=[a-z]{3}, ?|e\\b", &["--match", "[a-z]{3}, ?|e\\b"]),
];

/// A price for every model.
const PRICES: &str = r#"{"":{"input":900,"output":90000}}"#;

/// A folder with a runtime folder, a list of prices, and what agents print.
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let ours = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder.path(), ours).unwrap();
        std::fs::write(folder.path().join("prices.json"), PRICES).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn command(&self, program: &str, args: &[&str]) -> std::process::Command {
        let mut command = command(program, args);
        command.env("XDG_RUNTIME_DIR", self.folder.path());
        command
    }

    /// Conditions on estimated tokens and costs.
    fn estimates(&self) -> [(String, Vec<String>); 2] {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let prices = self.path("prices.json");
        [
            ("tokens=9".into(), words(&["--max-tokens", "9", "--estimate"])),
            ("cost=0.9".into(), words(&["--max-cost", "0.9", "--estimate", "--prices", &prices])),
        ]
    }

    /// All conditions on content: the list, the same for the filter, and the options that both have.
    fn conditions(&self) -> Vec<(String, Vec<String>)> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let all = CONDITIONS.iter().map(|(list, filter)| ((*list).to_owned(), words(filter)));
        all.chain(self.estimates()).collect()
    }

    /// Events of a wrap with the condition inside, and its status.
    fn inside(&self, input: &Path, options: &[&str], when: &Condition, agent: &[&str]) -> Finished {
        let mut args = vec!["wrap", "--stream", "s", "--cancel-when", &when.0];
        // The first two words are the filter's own.
        args.extend(when.1.iter().skip(2).map(String::as_str));
        args.extend_from_slice(options);
        args.extend_from_slice(agent);
        let input = std::fs::File::open(input).unwrap();
        let output = self.command(bin(), &args).stdin(input).output().unwrap();
        (output.stdout, shell_code(output.status))
    }

    /// Events of `wrap | cancel`, and the status of cancel.
    fn behind(&self, input: &Path, options: &[&str], when: &Condition, agent: &[&str]) -> Finished {
        let mut args = vec!["wrap", "--stream", "s"];
        args.extend_from_slice(options);
        args.extend_from_slice(agent);
        let input = std::fs::File::open(input).unwrap();
        let mut wrap = self.command(bin(), &args);
        wrap.stdin(input).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut wrap = wrap.spawn().unwrap();
        let mut args = vec!["cancel"];
        args.extend(when.1.iter().map(String::as_str));
        let mut cancel = self.command(bin(), &args);
        let output = cancel.stdin(wrap.stdout.take().unwrap()).output().unwrap();
        wrap.wait().unwrap();
        (output.stdout, shell_code(output.status))
    }
}

type Condition = (String, Vec<String>);

/// Output and status of a run.
type Finished = (Vec<u8>, i32);

/// The events without what differs from run to run: times, process ids and the run token.
fn masked(stdout: &[u8]) -> Vec<Value> {
    let text = spile::codec::without_lone(std::str::from_utf8(stdout).unwrap()).into_owned();
    let mut events = events(text.as_bytes());
    for event in &mut events {
        event["ts"] = Value::Null;
        if event["kind"] == "session" {
            event["data"]["pid"] = Value::Null;
            event["data"]["control"] = Value::Null;
        }
    }
    events
}

fn has(events: &[Value], kind: &str) -> bool {
    events.iter().any(|event| event["kind"] == kind || event["type"] == kind)
}

/// Law: on stdin, wrap with a condition gives the events of wrap with the filter behind it.
#[test]
fn on_stdin_it_is_the_filter_in_a_pipe() {
    let room = Room::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut met = vec![0; room.conditions().len()];
    std::fs::write(room.path("loop.raw"), claude()).unwrap();
    let folders = ["acp", "claude", "codex", "copilot", "opencode", "pi"];
    for folder in folders.iter().map(|folder| root.join(folder)).chain([room.path("").into()]) {
        for input in files(&folder, ".raw") {
            for (when, met) in room.conditions().iter().zip(&mut met) {
                let inside = room.inside(&input, &[], when, &[]);
                let behind = room.behind(&input, &[], when, &[]);
                let events = masked(&inside.0);
                assert_eq!(events, masked(&behind.0), "{} {when:?}", input.display());
                contract(&inside.0).unwrap();
                if has(&events, "cancel_requested") {
                    *met += 1;
                    assert_eq!((inside.1, behind.1), (130, 130), "{} {when:?}", input.display());
                }
            }
        }
    }
    assert!(met.iter().all(|met| *met > 0), "a condition is never met: {met:?}");
}

/// The same for spile's own formats: canonical events, and a raw recording.
#[test]
fn on_recorded_events_it_is_the_filter_in_a_pipe() {
    let room = Room::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/claude");
    let raw = room.path("raw");
    let agent = format!("cat {}", root.join("partial-thinking-tool-answer.raw").display());
    let record = ["wrap", "--record", &raw, "--from", "claude", "--", "sh", "-c", &agent];
    assert!(room.command(bin(), &record).output().unwrap().status.success());
    let when = ("text=2".to_owned(), ["--max-text", "2"].map(str::to_owned).to_vec());
    for input in [root.join("partial-thinking-tool-answer.events"), raw.into()] {
        let args = ["wrap", "--cancel-when", &when.0];
        let file = std::fs::File::open(&input).unwrap();
        let inside = room.command(bin(), &args).stdin(file).output().unwrap();
        let script = format!("spile wrap <{} | spile cancel --max-text 2", input.to_string_lossy());
        let behind = room.command("bash", &["-c", &script]).output().unwrap();
        let mask = |stdout| {
            let mut events = masked(stdout);
            events.iter_mut().for_each(|event| event["stream"] = Value::Null);
            events
        };
        assert_eq!(mask(&inside.stdout), mask(&behind.stdout), "{}", input.display());
        assert!(has(&masked(&inside.stdout), "turn_cancelled"));
        assert_eq!(shell_code(inside.status), 130);
    }
}

#[test]
fn on_stdin_a_condition_on_time_ends_the_turn_and_the_reading() {
    for (condition, why) in [("after=50ms", "--after"), ("idle=50ms", "--when-idle")] {
        let args = ["wrap", "--from", "claude", "--cancel-when", condition];
        let mut live = Live::start(&args);
        live.write("{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s\"}\n");
        let lines = live.until("turn_cancelled");
        assert!(lines.last().unwrap().contains(why), "{lines:?}");
        // Its stdin is still open: it has ended by itself.
        assert_eq!(live.line(), None);
        assert_eq!(live.end().1, 130);
        contract(lines.concat().as_bytes()).unwrap();
    }
}

/// What an agent prints before it goes on without a word: three calls that are the same, with tokens, and an answer.
fn claude() -> String {
    let mut lines =
        vec![r#"{"type":"system","subtype":"init","session_id":"s","model":"m-1"}"#.to_owned()];
    for n in 1..=3 {
        lines.push(format!(
            r#"{{"type":"assistant","message":{{"id":"m{n}","content":[{{"type":"tool_use","id":"t{n}","name":"Bash","input":{{"command":"make"}}}}],"usage":{{"input_tokens":10,"output_tokens":9}}}}}}"#
        ));
        lines.push(format!(
            r#"{{"type":"user","message":{{"content":[{{"type":"tool_result","tool_use_id":"t{n}","content":"failed after 1.{n} s"}}]}}}}"#
        ));
    }
    lines.push(r#"{"type":"assistant","message":{"id":"m4","content":[{"type":"text","text":"the end, all done"}]}}"#.to_owned());
    lines.join("\n") + "\n"
}

/// The same with a cost for each step, as opencode has it.
const OPENCODE: &str = r#"{"type":"step_start","timestamp":1,"sessionID":"ses_1","part":{"id":"p0","type":"step-start"}}
{"type":"step_finish","timestamp":4,"sessionID":"ses_1","part":{"id":"p4","type":"step-finish","reason":"tool-calls","cost":0.1,"tokens":{"input":10,"output":2,"reasoning":1,"cache":{"read":3,"write":4}}}}
{"type":"step_finish","timestamp":7,"sessionID":"ses_1","part":{"id":"p7","type":"step-finish","reason":"tool-calls","cost":0.1,"tokens":{"input":10,"output":2,"reasoning":1,"cache":{"read":3,"write":4}}}}
"#;

/// An agent that prints a file whatever comes, and then waits for SIGINT.
const AGENT: &str = r#"trap '' INT; exec python3 -c 'import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print(open(sys.argv[1]).read(), end="", flush=True)
signal.sigwait([signal.SIGINT])' "$0""#;

/// Law: with an agent, wrap with a condition gives the events of wrap with the filter behind it. The place of the request
/// among the events depends on the clock where the condition does.
#[test]
fn with_an_agent_it_is_the_filter_in_a_pipe() {
    let room = Room::new();
    let printed = (claude(), "claude");
    let opencode = (OPENCODE.to_owned(), "opencode");
    for (text, from) in [&printed, &opencode] {
        std::fs::write(room.path(from), text).unwrap();
    }
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut cases: Vec<(&str, Condition)> =
        room.conditions().into_iter().map(|when| ("claude", when)).collect();
    cases.retain(|(_, (list, _))| !list.starts_with("cost=0.15"));
    cases.push(("opencode", ("cost=0.15".into(), words(&["--max-cost", "0.15"]))));
    cases.push(("claude", ("after=50ms".into(), words(&["--after", "50ms"]))));
    cases.push(("claude", ("idle=50ms".into(), words(&["--when-idle", "50ms"]))));
    for (from, when) in cases {
        let printed = room.path(from);
        let (options, agent) = (["--from", from], ["--", "sh", "-c", AGENT, &printed]);
        let nothing = Path::new("/dev/null");
        let inside = room.inside(nothing, &options, &when, &agent);
        let behind = room.behind(nothing, &options, &when, &agent);
        assert_eq!((inside.1, behind.1), (130, 130), "{when:?}");
        contract(&inside.0).unwrap();
        let (mut inside, mut behind) = (masked(&inside.0), masked(&behind.0));
        let timed = when.0.starts_with("after") || when.0.starts_with("idle");
        let requests = [&mut inside, &mut behind].map(|events| {
            let exit = &mut events.last_mut().unwrap()["data"];
            assert_eq!(exit["killed"], true);
            if timed {
                // Before it waited, it needed SIGTERM.
                *exit = Value::Null;
            }
            let at = events.iter().position(|e| e["kind"] == "cancel_requested").unwrap();
            let mut request = if timed { events.remove(at) } else { events[at].clone() };
            if timed {
                request["turn"] = Value::Null;
            }
            request
        });
        assert_eq!(requests[0], requests[1], "{when:?}");
        assert_eq!(requests[0]["data"]["asks"], true);
        assert_eq!(inside, behind, "{when:?}");
        let end = inside.iter().find(|e| e["type"] == "turn_cancelled").unwrap();
        assert_eq!(end["by"], "filter");
        assert_eq!(end["reason"], requests[0]["message"]);
    }
}
