//! Messages at random instants, and against a cancel: each stands once in the stream, is read once, and is acknowledged once.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{AGENTS, Site, end, ends, of_kind, of_type};
use crate::control::Talk;
use crate::harness::stress;

/// Messages that a run gets at random instants of its turns; a twentieth in an ordinary test.
const MESSAGES: u64 = 1000;

/// Races of a redirection and a message.
const RACES: u64 = 1000;

fn counts(texts: impl IntoIterator<Item = String>) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    texts.into_iter().for_each(|text| *counts.entry(text).or_insert(0) += 1);
    counts
}

/// Texts of the messages in the stream, with who gave them.
fn given(all: &[Value]) -> Vec<(String, String)> {
    let text = |e: &Value, key: &str| e["data"][key].as_str().unwrap().to_owned();
    of_kind(all, "message").into_iter().map(|e| (text(e, "text"), text(e, "by"))).collect()
}

#[test]
fn a_message_at_any_instant_is_read_once_and_acknowledged_once() {
    for agent in AGENTS {
        let site = Site::new();
        let mut live = site.start(agent, &["--prompt", "message 0", "--keep-open", "2s"]);
        let lines = live.until(r#""kind":"message""#);
        let socket = site.room.socket();
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let socket = socket.clone();
                std::thread::spawn(move || {
                    let mut talk = Talk::to(&socket);
                    let numbers = (1..=stress(MESSAGES)).filter(|n| n % 4 == sender);
                    for number in numbers {
                        // The length of the wait for an answer makes the instants random.
                        let ask =
                            json!({"spile": 1, "ask": "send", "text": format!("message {number}")});
                        let mut answer = talk.ask(&ask.to_string());
                        while answer["code"] == "full" {
                            answer = talk.ask(&ask.to_string());
                        }
                        let word = answer["answer"].as_str().unwrap();
                        assert!(["taken", "written", "queued"].contains(&word), "{answer}");
                    }
                    // No second answer has come.
                    let state = talk.ask(r#"{"spile":1,"ask":"query"}"#);
                    assert_eq!(state["answer"], "state");
                })
            })
            .collect();
        let drained = std::thread::spawn(move || end(live, lines));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let (all, status) = drained.join().unwrap();
        assert_eq!(status, 0, "{agent}");
        let want = counts((0..=stress(MESSAGES)).map(|n| format!("message {n}")));
        assert_eq!(counts(given(&all).into_iter().map(|(text, _)| text)), want, "{agent}");
        assert_eq!(counts(site.log()), want, "{agent}");
        assert_eq!(of_type(&all, "turn_started").len(), ends(&all).len(), "{agent}");
        assert!(ends(&all).iter().all(|end| *end == "turn_completed"), "{agent}");
    }
}

#[test]
fn a_redirection_and_a_message_race_and_each_turn_has_one_end() {
    for agent in AGENTS {
        let site = Site::new();
        let mut live = site.start(agent, &["--prompt", "hold", "--keep-open", "2s"]);
        let lines = live.until("I have read it");
        let socket = site.room.socket();
        let ask = |socket: &std::path::Path, count: u64, request: fn(u64) -> Value| {
            let socket = socket.to_owned();
            std::thread::spawn(move || {
                let mut talk = Talk::to(&socket);
                let mut accepted = 0;
                for number in 0..count {
                    let mut answer = talk.ask(&request(number).to_string());
                    while ["accepted", "ended"].contains(&answer["answer"].as_str().unwrap()) {
                        answer = talk.hear().unwrap();
                    }
                    accepted += u64::from(answer["answer"] != "refused");
                }
                accepted
            })
        };
        let races = stress(RACES);
        let cancels = ask(
            &socket,
            races,
            |n| json!({"spile": 1, "ask": "cancel", "grace_ms": 20000, "then": format!("then {n} hold")}),
        );
        let sends = ask(
            &socket,
            races,
            |n| json!({"spile": 1, "ask": "send", "text": format!("message {n}")}),
        );
        let drained = std::thread::spawn(move || end(live, lines));
        let (redirected, sent) = (cancels.join().unwrap(), sends.join().unwrap());
        // The last redirections hold their turns; a message may wait behind each.
        let mut talk = Talk::to(&socket);
        let mut state = talk.ask(r#"{"spile":1,"ask":"query"}"#);
        while state["open"] == true || state["queued"] != 0 {
            let mut answer = talk.ask(r#"{"spile":1,"ask":"cancel","grace_ms":20000}"#);
            while answer["answer"] == "accepted" {
                answer = talk.hear().unwrap();
            }
            state = talk.ask(r#"{"spile":1,"ask":"query"}"#);
        }
        drop(talk);
        let (all, status) = drained.join().unwrap();
        assert!([0, 130].contains(&status), "{agent}: {status}");
        assert_eq!(
            of_kind(&all, "exit")[0]["data"],
            json!({"code": 0, "killed": false}),
            "{agent}"
        );
        assert_eq!(sent, races, "{agent}: a message is always accepted");
        assert_eq!(of_type(&all, "turn_started").len(), ends(&all).len(), "{agent}");
        assert!(!ends(&all).contains(&"turn_failed"), "{agent}");
        assert!(redirected <= races);
        let read = counts(site.log());
        for n in 0..races {
            assert_eq!(read.get(&format!("message {n}")), Some(&1), "{agent} {n}");
        }
        assert!(read.values().all(|count| *count == 1), "{agent}: {read:?}");
    }
}
