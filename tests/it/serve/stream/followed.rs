//! Runs of which all events come beside the events of the others.

use serde_json::json;

use super::{Frame, by_run, files, now, runs, settled};
use crate::background::Home;
use crate::serve::Server;

#[test]
fn runs_may_be_followed_in_full_beside_the_rest() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let streams = runs(&server, 2);
    settled(&home, &server);
    let all = files(&home);
    let of_runs = |seen: &[Frame]| -> Vec<Frame> {
        let is_own = |frame: &&Frame| frame.id.as_ref().is_some_and(|id| id.contains('@'));
        seen.iter().filter(is_own).cloned().collect()
    };
    let query = format!("&only=turn_completed&runs={},{},unknown", streams[0], streams[1]);
    let seen = now(&server, &query, None);
    let gone: Vec<_> = seen.iter().filter(|frame| frame.name == "gone").collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].data, r#"{"run":"unknown"}"#);
    assert_eq!(by_run(&of_runs(&seen)), all);
    let rest = seen.iter().filter(|frame| frame.id.as_ref().is_some_and(|id| !id.contains('@')));
    assert!(rest.clone().count() == 2 && rest.clone().all(|it| it.data.contains("turn_completed")));
    // Behind a place only what follows it comes.
    let first: Vec<_> =
        of_runs(&seen).into_iter().filter(|it| it.data.contains(&streams[0])).collect();
    let place = first[1].id.clone().unwrap();
    let later = now(&server, &format!("&from=now&runs={place}"), None);
    assert_eq!(of_runs(&later), first[2..]);
    // The place of another run of that name is none: it comes from its start, and that is said.
    let other = format!("{}0000000a", &place[..place.len() - 8]);
    let again = now(&server, &format!("&from=now&runs={other}"), None);
    assert_eq!((again[0].name.as_str(), of_runs(&again)), ("gap", first));
    // A run that lives goes on.
    let mut live = server.request("GET", "/stream?from=now&only=turn_failed").open();
    live.until("retry: ");
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    let path = format!("/stream?from=now&only=turn_failed&runs={stream}");
    let mut followed = server.request("GET", &path).open();
    followed.until("begun");
    server.post(&format!("/runs/{stream}/cancel"), &json!({"grace": "1s"})).expect(200);
    let ended = followed.until(r#""kind":"exit""#);
    assert!(ended.contains("turn_cancelled"), "{ended}");
}
