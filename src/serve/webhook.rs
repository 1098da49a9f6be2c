//! Webhooks: addresses that get events of all runs, and the ids of their deliveries.

use sha2::{Digest, Sha256};

use super::index::RunKey;
use crate::codec;
use crate::event::{Event, Status, Type};
use crate::sink::address::{Address, Destination, Selection, Taken};

/// Address that gets events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub address: Address,
    pub url: String,
    /// Key of its progress, the same on every run.
    pub key: String,
    pub from: From,
    exit: Exits,
}

/// First event of a webhook that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Start,
    Now,
}

/// Statuses of the kind `exit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exits {
    Wanted,
    Unwanted,
}

impl Webhook {
    /// Parses `URL[#OPTION[&OPTION]...]`. The error tells the user what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut from, mut list) = (From::Now, None);
        let mut address = Address::parse_with(text, &mut |key, value| {
            match (key, value) {
                ("from", "start") => from = From::Start,
                ("from", "now") => from = From::Now,
                ("from", other) => {
                    return Err(format!("from={other}: write from=start or from=now"));
                }
                ("only", names) => list = Some(names.to_owned()),
                ("to" | "chat", _) => {
                    return Err(format!(
                        "{key}= sends texts, and a webhook sends events: use spile tee"
                    ));
                }
                _ => return Ok(Taken::No),
            }
            Ok(Taken::Yes)
        })?;
        let Destination::Http(url) = &address.place else {
            return Err("a webhook is an http:// or https:// address".to_owned());
        };
        let url = url.clone();
        let mut exit = Exits::Wanted;
        if let Some(list) = list {
            let names: Vec<&str> = list.split(',').filter(|name| *name != "exit").collect();
            if names.len() == list.split(',').count() {
                exit = Exits::Unwanted;
            }
            // Without a type of its own, `exit` alone is no type of event.
            address.only = Some(match names.is_empty() {
                true => Selection::default(),
                false => Selection::parse(&names.join(","))?,
            });
        }
        let key = address.identity().map(|identity| identity.key).unwrap_or_default();
        Ok(Self { address, url, key, from, exit })
    }

    /// True for an event that it gets: ends of turns and of runs, unless the address says otherwise.
    pub fn takes(&self, event: &Event<'_>) -> bool {
        let is_chosen = match &self.address.only {
            None => event.kind.is_terminal(),
            Some(only) => only.takes(event),
        };
        is_chosen || (self.exit == Exits::Wanted && is_exit(event))
    }
}

fn is_exit(event: &Event<'_>) -> bool {
    event.kind == Type::Status
        && event.line.contains("\"exit\"")
        && codec::body::<Status<'_>>(&codec::without_lone(event.line))
            .is_ok_and(|status| status.kind == "exit")
}

/// Delivery id of a line: by its run, its place there and its text. So no two bodies have one id, whatever was lost between.
pub fn delivery_id(run: &RunKey, offset: u64, line: &[u8]) -> String {
    let digest = Sha256::new_with_prefix(run).chain_update(offset.to_be_bytes());
    let digest = digest.chain_update(line).finalize();
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(text: &str, kind: &str, rest: &str) -> bool {
        let line = format!(
            r#"{{"v":1,"type":"{kind}","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z"{rest}}}"#
        );
        Webhook::parse(text).unwrap().takes(&codec::decode_text(&line).unwrap())
    }

    #[test]
    fn ends_are_sent_unless_others_are_chosen() {
        let exit = r#","kind":"exit","data":{"code":0,"killed":false}"#;
        let info = r#","kind":"info","message":"exit","data":"exit""#;
        for (text, wanted) in [
            ("http://h/x", [true, true, false, false]),
            ("http://h/x#only=turn_*", [true, false, false, true]),
            ("http://h/x#only=turn_started,exit&from=start", [false, true, false, true]),
            ("http://h/x#only=exit", [false, true, false, false]),
            ("http://h/x#only=status", [false, true, true, false]),
        ] {
            let found = [
                takes(text, "turn_completed", r#","stop":"end_turn""#),
                takes(text, "status", exit),
                takes(text, "status", info),
                takes(text, "turn_started", r#","runtime":"x""#),
            ];
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn options_stand_behind_the_url() {
        let hook = Webhook::parse("https://u:p@H.example/x?y##z#from=start&timeout=2s").unwrap();
        assert_eq!((hook.from, hook.url.as_str()), (From::Start, "https://u:p@H.example/x?y#z"));
        assert_eq!(hook.key, "https://h.example/x?y#z");
        assert_eq!(hook.address.name(), "https://H.example");
        assert_eq!(Webhook::parse("http://h#name=a").unwrap().key, "name:a");
        for (wrong, word) in [
            ("x.ndjson", "http://"),
            ("cmd:x", "http://"),
            ("http://h#from=7", "from=7"),
            ("http://h#to=slack-webhook", "spile tee"),
            ("http://h#only=x", "matches no event"),
            ("http://h#onyl=x", "onyl"),
        ] {
            let why = Webhook::parse(wrong).unwrap_err();
            assert!(why.contains(word), "{wrong}: {why}");
        }
    }

    #[test]
    fn an_id_is_of_one_run_one_place_and_one_text() {
        let id = delivery_id(&[1; 16], 7, b"x");
        assert_eq!(id, delivery_id(&[1; 16], 7, b"x"));
        assert_eq!(id.len(), 36);
        for other in [
            delivery_id(&[2; 16], 7, b"x"),
            delivery_id(&[1; 16], 8, b"x"),
            delivery_id(&[1; 16], 7, b"y"),
        ] {
            assert_ne!(id, other);
        }
    }
}
