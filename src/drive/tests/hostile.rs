//! Agents that do not keep to their protocol, and models that want more than they may.

use serde_json::{Value, json};

use super::super::*;

fn driver(name: Name, on_permission: &str) -> Driver {
    Driver::new(
        Time::default(),
        Config {
            input: Input::Protocol(name),
            folder: "/".into(),
            session: None,
            on_permission: OnPermission::parse(on_permission).unwrap(),
            permission_timeout: None,
            keep_open: Duration::from_secs(5),
        },
    )
}

/// Reads lines of the agent; the actions that follow.
fn hear(driver: &mut Driver, lines: &[Value]) -> Vec<Action> {
    for line in lines {
        driver.on_output(Time::default(), format!("{line}\n").as_bytes());
    }
    std::iter::from_fn(|| driver.action()).collect()
}

fn answers(actions: &[Action]) -> Vec<(&str, &Permit)> {
    let all = actions.iter().filter_map(|action| match action {
        Action::Answered(answered) => Some((answered.by.as_str(), &answered.permit)),
        _ => None,
    });
    all.collect()
}

/// An ACP driver with an open turn.
fn acp(on_permission: &str) -> Driver {
    let mut driver = driver(Name::Acp, on_permission);
    hear(
        &mut driver,
        &[
            json!({"id": "spile-initialize", "result": {"protocolVersion": 1, "_meta": {"steering": {"supported": true}}}}),
            json!({"id": "spile-session", "result": {"sessionId": "S"}}),
        ],
    );
    driver.send(Time::default(), "m1", "go", Force::No).unwrap();
    hear(&mut driver, &[]);
    driver
}

/// A codex driver with an open turn.
fn codex(on_permission: &str) -> Driver {
    let mut driver = driver(Name::Codex, on_permission);
    hear(
        &mut driver,
        &[
            json!({"id": "spile-initialize", "result": {}}),
            json!({"id": "spile-thread", "result": {"thread": {"id": "T"}}}),
        ],
    );
    driver.send(Time::default(), "m1", "go", Force::No).unwrap();
    hear(&mut driver, &[]);
    driver
}

fn ask(id: u64, call: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "session/request_permission",
        "params": {"sessionId": "S", "toolCall": call, "options": [{"optionId": "y", "kind": "allow_once"}]}})
}

#[test]
fn a_title_gives_no_permission() {
    let announced = json!({"method": "session/update", "params": {"update":
        {"sessionUpdate": "tool_call", "toolCallId": "c", "kind": "execute", "title": "Read"}}});
    for call in [
        json!({"toolCallId": "x", "kind": "other", "title": "grep x; rm -rf /"}),
        json!({"toolCallId": "x", "title": "Read"}),
        json!({"toolCallId": "x", "kind": "switch_mode", "title": "read"}),
        json!({"toolCallId": "c", "title": "Read"}),
        json!({"toolCallId": "c", "kind": null, "title": "Read"}),
    ] {
        let mut driver = acp("allow:kind:read,kind:search,Read");
        let actions = hear(&mut driver, &[announced.clone(), ask(1, &call)]);
        assert!(matches!(answers(&actions)[..], [("list", Permit::Deny(_))]), "{call}");
    }
    for call in [
        json!({"toolCallId": "x", "kind": "read", "title": "rm"}),
        json!({"toolCallId": "x", "name": "Read", "title": "rm"}),
    ] {
        let actions = hear(&mut acp("allow:kind:read,Read"), &[ask(1, &call)]);
        assert_eq!(answers(&actions), [("list", &Permit::Allow)], "{call}");
    }
    let claude = |tool: &str| {
        let mut driver = driver(Name::Claude, "allow:kind:read");
        let request = json!({"type": "control_request", "request_id": "q",
            "request": {"subtype": "can_use_tool", "tool_name": tool, "input": {}}});
        matches!(answers(&hear(&mut driver, &[request]))[..], [(_, Permit::Allow)])
    };
    assert!(claude("Read") && !claude("Bash") && !claude("mcp__db__read") && !claude("kind:read"));
}

#[test]
fn behind_an_interrupt_nothing_is_permitted() {
    for how in ["allow:kind:execute", "wait", "fail"] {
        let mut driver = acp(how);
        driver.interrupt(Time::default());
        let call = json!({"toolCallId": "x", "kind": "execute", "title": "rm"});
        let actions = hear(&mut driver, &[ask(1, &call)]);
        assert_eq!(answers(&actions), [("cancel", &Permit::Cancelled)], "{how}");
        assert!(driver.permit(Time::default(), Some("1"), Permit::Allow, "me").is_err());
        hear(&mut driver, &[json!({"id": "m1", "result": {"stopReason": "cancelled"}})]);
        driver.send(Time::default(), "m2", "again", Force::No).unwrap();
        let actions = hear(&mut driver, &[ask(2, &call)]);
        assert!(!answers(&actions).contains(&("cancel", &Permit::Cancelled)), "{how}");
    }
}

#[test]
fn requests_of_any_shape_are_answered_or_refused() {
    for params in [json!("x"), json!([1]), json!(1), json!(null), json!({})] {
        for method in
            ["item/commandExecution/requestApproval", "item/permissions/requestApproval", "no/such"]
        {
            let call = json!({"id": 7, "method": method, "params": params});
            let actions = hear(&mut codex("allow:kind:edit"), std::slice::from_ref(&call));
            assert!(matches!(&actions[..], [Action::Write(_), ..]), "{call}: {actions:?}");
        }
        let call = json!({"id": 7, "method": "session/request_permission", "params": params});
        assert!(!hear(&mut acp("allow:kind:edit"), &[call]).is_empty());
        let call = json!({"type": "control_request", "request_id": 7, "request": params});
        hear(&mut driver(Name::Claude, "allow:kind:edit"), &[call]);
    }
}

#[test]
fn a_turn_that_the_agent_refuses_fails() {
    let refusal = json!({"id": "spile-message-1", "error": {"message": "model not supported"}});
    let actions = hear(&mut codex("fail"), &[refusal]);
    let [Action::Fail("runtime_error", why), Action::Close] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert!(why.contains("model not supported"), "{why}");
}

#[test]
fn an_answer_behind_the_end_of_its_turn_opens_no_turn() {
    let mut driver = codex("fail");
    let of =
        |method: &str| json!({"method": method, "params": {"threadId": "T", "turn": {"id": "U"}}});
    hear(
        &mut driver,
        &[
            of("turn/started"),
            of("turn/completed"),
            json!({"id": "spile-message-1", "result": {"turn": {"id": "U"}}}),
        ],
    );
    let at = driver.deadline().expect("it ends");
    driver.on_tick(at);
    assert_eq!(hear(&mut driver, &[]), [Action::Close]);
}

#[test]
fn messages_that_are_never_acknowledged_do_not_keep_the_run() {
    let mut driver = acp("fail");
    for id in ["m2", "m3"] {
        driver.send(Time::default(), id, id, Force::No).unwrap();
    }
    hear(&mut driver, &[json!({"id": "m1", "result": {"stopReason": "end_turn"}})]);
    let at = driver.deadline().expect("it goes on");
    driver.on_tick(at);
    let actions = hear(&mut driver, &[]);
    assert!(matches!(&actions[..], [Action::Warn(_), Action::Write(text)] if text.contains("m3")));
    hear(&mut driver, &[json!({"id": "m3", "result": {"stopReason": "end_turn"}})]);
    let at = driver.deadline().expect("it ends");
    driver.on_tick(at);
    assert_eq!(hear(&mut driver, &[]), [Action::Close]);
}

#[test]
fn questions_of_the_same_id_are_answered_one_by_one() {
    let mut driver = acp("wait");
    let call = json!({"toolCallId": "x", "kind": "execute", "title": "rm"});
    hear(&mut driver, &[ask(1, &call), ask(1, &call)]);
    let several = driver.permit(Time::default(), None, Permit::Allow, "me");
    assert_eq!(several.unwrap_err().0, "which_question");
    for _ in 0..2 {
        driver.permit(Time::default(), Some("1"), Permit::Allow, "me").unwrap();
    }
    assert!(driver.permit(Time::default(), Some("1"), Permit::Allow, "me").is_err());
}

#[test]
fn a_question_that_is_too_long_fails_the_run() {
    let mut driver = acp("allow:kind:read");
    let call = json!({"toolCallId": "x", "kind": "read", "title": "a".repeat(MAX_LINE + 1)});
    let actions = hear(&mut driver, &[ask(1, &call)]);
    assert!(matches!(&actions[..], [Action::Fail("protocol", _), ..]), "{}", actions.len());
}

#[test]
fn an_explicit_runtime_counts_before_the_words_of_the_command() {
    let words: Vec<String> = ["claude", "--agent", "acp"].map(str::to_owned).to_vec();
    assert_eq!(Input::of("claude", &words), Input::Protocol(Name::Claude));
}

#[test]
fn a_line_that_a_terminal_would_cut_is_refused() {
    let mut driver = driver(Name::Acp, "fail");
    driver.config.input = Input::Terminal;
    let line = "x".repeat(4096);
    assert_eq!(driver.check(&line, Force::No).unwrap_err().0, "too_long");
    assert!(driver.check(&format!("{0}\n{0}", &line[1..]), Force::No).is_ok());
}
