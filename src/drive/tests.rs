//! Laws of the driver, with models of agents that do what the protocols say at any instant.

mod hostile;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A model of an agent: it reads lines and says lines, one step at a time.
#[derive(Debug, Default)]
struct Agent {
    /// Lines that it has not read.
    input: VecDeque<Value>,
    /// Messages that it has and has not begun: id of the request and message, and text.
    waiting: VecDeque<(Value, String, String)>,
    /// Id of the request whose turn is open; `null` without an id.
    open: Option<Value>,
    interrupted: bool,
    read: Vec<String>,
    turns: usize,
}

fn path<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Agent {
    /// Takes a step, `true` if it did anything; what it says goes to `said`.
    fn step(&mut self, name: Name, said: &mut Vec<Value>) -> bool {
        if let Some(line) = self.input.pop_front() {
            match name {
                Name::Claude => self.claude(&line, said),
                Name::Acp => self.acp(&line, said),
                Name::Codex => self.codex(&line, said),
            }
            return true;
        }
        let begins = self.open.is_none() && !self.waiting.is_empty();
        if begins {
            self.turns += 1;
            self.open = self.waiting.front().map(|(request, ..)| request.clone());
            said.extend(match name {
                Name::Claude => Some(json!({"type": "system", "subtype": "init"})),
                Name::Acp => None,
                Name::Codex => Some(json!({"method": "turn/started",
                    "params": {"threadId": "T", "turn": {"id": format!("U{}", self.turns)}}})),
            });
        }
        if let Some((request, id, text)) = self.waiting.pop_front() {
            self.read.push(text);
            match name {
                Name::Claude => said.push(json!({"type": "user", "uuid": id, "isReplay": true})),
                Name::Acp if !request.is_null() => self.open = Some(request),
                _ => {}
            }
            return true;
        }
        let Some(open) = self.open.take() else { return false };
        self.interrupted = false;
        said.push(match name {
            Name::Claude => json!({"type": "result", "subtype": "success"}),
            Name::Acp => {
                json!({"jsonrpc": "2.0", "id": open, "result": {"stopReason": "end_turn"}})
            }
            Name::Codex => json!({"method": "turn/completed",
                "params": {"threadId": "T", "turn": {"id": format!("U{}", self.turns)}}}),
        });
        true
    }

    fn claude(&mut self, line: &Value, said: &mut Vec<Value>) {
        match path(line, "/type") {
            "user" => {
                let (id, text) = (path(line, "/uuid"), path(line, "/message/content"));
                self.waiting.push_back((Value::Null, id.to_owned(), text.to_owned()));
            }
            _ => {
                self.interrupted = self.open.is_some();
                said.push(json!({"type": "control_response", "response": {"subtype": "success"}}));
            }
        }
    }

    fn acp(&mut self, line: &Value, said: &mut Vec<Value>) {
        let id = &line["id"];
        let text = path(line, "/params/prompt/0/text").to_owned();
        let result = match path(line, "/method") {
            "initialize" => {
                json!({"protocolVersion": 1, "_meta": {"steering": {"supported": true}}})
            }
            "session/new" => json!({"sessionId": "S"}),
            "session/prompt" => {
                assert!(self.open.is_none() && self.waiting.is_empty(), "one prompt at a time");
                return self.waiting.push_back((id.clone(), String::new(), text));
            }
            "_session/steering" if self.open.is_some() => {
                self.waiting.push_back((Value::Null, String::new(), text));
                // It stays within the turn of the prompt.
                let open = self.open.clone().unwrap_or_default();
                self.waiting.iter_mut().for_each(|(request, ..)| *request = open.clone());
                json!({"outcome": "injected"})
            }
            "_session/steering" => json!({"outcome": "promptRequired"}),
            _ => return self.interrupted = true,
        };
        said.push(json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    fn codex(&mut self, line: &Value, said: &mut Vec<Value>) {
        let id = &line["id"];
        let text = path(line, "/params/input/0/text").to_owned();
        let next = format!("U{}", self.turns + usize::from(self.open.is_none()));
        let answer = match path(line, "/method") {
            "initialize" => json!({"result": {}}),
            "initialized" => return,
            "thread/start" => json!({"result": {"thread": {"id": "T"}}}),
            "turn/start" => {
                self.waiting.push_back((Value::Null, String::new(), text));
                json!({"result": {"turn": {"id": next}}})
            }
            "turn/steer" if self.open.is_some() && path(line, "/params/expectedTurnId") == next => {
                self.waiting.push_back((Value::Null, String::new(), text));
                json!({"result": {"turnId": next}})
            }
            "turn/steer" => json!({"error": {"code": -32600, "message": "no active turn"}}),
            _ => json!({"result": {}}),
        };
        let mut answer = answer;
        answer["id"] = id.clone();
        said.push(answer);
    }
}

/// A driver and an agent, with what passes between them.
struct Pair {
    driver: Driver,
    agent: Agent,
    said: Vec<Value>,
    now: Time,
    closed: bool,
}

impl Pair {
    fn new(name: Name) -> Self {
        let now = Time::default();
        let config = Config {
            input: Input::Protocol(name),
            folder: "/".into(),
            session: None,
            on_permission: OnPermission::Fail,
            permission_timeout: None,
            keep_open: Duration::from_secs(5),
        };
        let mut pair = Self {
            driver: Driver::new(now, config),
            agent: Agent::default(),
            said: Vec::new(),
            now,
            closed: false,
        };
        pair.carry();
        pair
    }

    /// Carries the driver's actions out.
    fn carry(&mut self) {
        while let Some(action) = self.driver.action() {
            match action {
                Action::Write(text) => {
                    assert!(!self.closed, "written after the close: {text}");
                    assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
                    self.agent.input.push_back(serde_json::from_str(&text).unwrap());
                }
                Action::Close => self.closed = true,
                Action::Fail(_, why) | Action::Warn(why) => panic!("{why}"),
                Action::Taken(_) | Action::Queued(_) | Action::Answered(_) | Action::Ask(_) => {}
            }
        }
    }

    fn hear(&mut self) {
        for said in std::mem::take(&mut self.said) {
            self.driver.on_output(self.now, format!("{said}\n").as_bytes());
            self.carry();
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Send,
    Interrupt,
    /// The agent takes a step.
    Step,
    /// The driver reads what was said.
    Hear,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        2 => Just(Op::Send),
        1 => Just(Op::Interrupt),
        6 => Just(Op::Step),
        3 => Just(Op::Hear),
    ];
    proptest::collection::vec(op, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every message is read once and in order, and the input is closed at the end and not before.
    #[test]
    fn messages_are_read_once_and_in_order(ops in ops(), which in 0usize..3) {
        let name = [Name::Claude, Name::Acp, Name::Codex][which];
        let mut pair = Pair::new(name);
        let mut sent = Vec::new();
        for op in ops {
            match op {
                Op::Send => {
                    let text = format!("message {}", sent.len());
                    let id = format!("{}{}", crate::adapter::OWN, sent.len());
                    pair.driver.send(pair.now, &id, &text, Force::No).unwrap();
                    sent.push(text);
                }
                Op::Interrupt => {
                    if pair.driver.can_interrupt() {
                        pair.driver.interrupt(pair.now);
                    }
                }
                Op::Step => drop(pair.agent.step(name, &mut pair.said)),
                Op::Hear => pair.hear(),
            }
            pair.carry();
        }
        while pair.agent.step(name, &mut pair.said) || !pair.said.is_empty() {
            pair.hear();
        }
        prop_assert_eq!(&pair.agent.read, &sent);
        prop_assert!(!pair.closed && pair.driver.queued() == 0);
        pair.now = pair.driver.deadline().expect("the input has an end");
        pair.driver.on_tick(pair.now);
        pair.carry();
        prop_assert!(pair.closed);
        let late = pair.driver.send(pair.now, "late", "x", Force::No);
        prop_assert_eq!(late.unwrap_err().0, "closed");
    }

    /// Bytes of an agent that keeps to no protocol neither stop the driver nor make it write for ever.
    #[test]
    fn nonsense_is_borne(bytes in proptest::collection::vec(any::<u8>(), 0..300), which in 0usize..3) {
        let name = [Name::Claude, Name::Acp, Name::Codex][which];
        let mut pair = Pair::new(name);
        pair.driver.on_output(pair.now, &bytes);
        pair.driver.on_output(pair.now, b"\n{\"id\":\"spile-session\",\"result\":1}\n{\"type\":\"result\"}\n");
        prop_assert!(std::iter::from_fn(|| pair.driver.action()).count() < 10);
    }
}

#[test]
fn an_agent_that_does_not_answer_the_handshake_fails_the_run() {
    for name in [Name::Acp, Name::Codex] {
        let mut pair = Pair::new(name);
        pair.driver.send(pair.now, "1", "x", Force::No).unwrap();
        let at = pair.driver.deadline().unwrap();
        assert_eq!(at.since(pair.now), BEGIN_WITHIN);
        pair.driver.on_tick(at);
        let actions: Vec<Action> = std::iter::from_fn(|| pair.driver.action()).collect();
        assert!(
            matches!(&actions[..], [Action::Fail("protocol", _), Action::Close]),
            "{actions:?}"
        );
    }
}

#[test]
fn the_options_of_claude_are_added_once() {
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let claude = |rest: &[&str]| {
        let argv = words(&[&["claude"], rest].concat());
        let input = Input::of("claude", &argv);
        assert_eq!(input, Input::Protocol(Name::Claude));
        input.arguments(&argv).join(" ")
    };
    let all = "-p --input-format stream-json --output-format stream-json --verbose \
        --replay-user-messages --permission-prompt-tool stdio";
    assert_eq!(claude(&["--model", "m"]), all);
    assert_eq!(
        claude(&["--print", "--output-format=stream-json"]),
        all.replace("-p ", "").replace("--output-format stream-json ", "")
    );
    assert_eq!(claude(&all.split(' ').collect::<Vec<_>>()), "");
    for (adapter, argv, want) in [
        ("gemini", &["gemini", "--experimental-acp"][..], Input::Protocol(Name::Acp)),
        ("opencode", &["opencode", "acp"], Input::Protocol(Name::Acp)),
        ("", &["claude-agent-acp"], Input::Protocol(Name::Acp)),
        ("codex", &["codex", "app-server"], Input::Protocol(Name::Codex)),
        ("codex", &["codex", "exec", "--json"], Input::Prompt),
        ("", &["cat"], Input::Prompt),
    ] {
        assert_eq!(Input::of(adapter, &words(argv)), want, "{argv:?}");
    }
}
