//! The stream of all runs loses nothing: whatever is killed, every client sees every event once and in order.

mod followed;

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Server, state_file};
use crate::background::{Home, wait_for};
use crate::harness::stress;

/// A frame with data: its id, its name and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    id: Option<String>,
    name: String,
    data: String,
}

/// Takes the whole frames out of a text.
fn frames(text: &mut String) -> Vec<Frame> {
    let mut all = Vec::new();
    while let Some(end) = text.find("\n\n") {
        let frame: String = text.drain(..end + 2).collect();
        let line = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
        if let Some(data) = line("data: ") {
            let name = line("event: ").unwrap_or_default().to_owned();
            all.push(Frame { id: line("id: ").map(str::to_owned), name, data: data.to_owned() });
        }
    }
    all
}

/// What the server has now, behind an id.
#[track_caller]
fn now(server: &Server, query: &str, last: Option<&str>) -> Vec<Frame> {
    let mut request = server.request("GET", &format!("/stream?until=now{query}"));
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let answer = request.send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    frames(&mut answer.text())
}

/// Lines of all event files, by run.
fn files(home: &Home) -> BTreeMap<String, Vec<String>> {
    let lines = |stream: &String| {
        let text = std::fs::read_to_string(home.events_path(stream)).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let streams = home.state().streams().unwrap();
    streams.iter().map(|stream| (stream.clone(), lines(stream))).collect()
}

/// Lines of frames, by run.
fn by_run<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for frame in frames {
        let event: Value = serde_json::from_str(&frame.data).unwrap();
        all.entry(event["stream"].as_str().unwrap().to_owned())
            .or_default()
            .push(frame.data.clone());
    }
    all
}

/// Waits until the order has all events of the files.
#[track_caller]
fn settled(home: &Home, server: &Server) -> Vec<Frame> {
    wait_for("all events", || by_run(&now(server, "", None)) == files(home));
    now(server, "", None)
}

fn runs(server: &Server, count: usize) -> Vec<String> {
    let streams: Vec<String> = (0..count)
        .map(|n| {
            server.run(&json!({"prompt": format!("text {n}"), "label": format!("l{}", n % 2)}))
        })
        .collect();
    streams.iter().for_each(|stream| drop(server.events(stream)));
    streams
}

#[test]
fn all_runs_are_one_order_that_is_read_from_any_place() {
    let home = Home::new();
    let early = home.start(&[], "echo early");
    home.ended(&early);
    let server = Server::start(&home, &[]);
    let streams = runs(&server, 4);
    let all = settled(&home, &server);
    assert_eq!(all[0].data, files(&home)[&early][0]);
    let epoch = all[0].id.clone().unwrap().split_once('.').unwrap().0.to_owned();
    for (n, frame) in all.iter().enumerate() {
        assert_eq!(frame.id.as_deref(), Some(format!("{epoch}.{}", n + 1).as_str()));
        assert_eq!(now(&server, "", frame.id.as_deref()), all[n + 1..]);
    }
    let one = now(&server, &format!("&stream={}", streams[1]), None);
    assert_eq!(by_run(&one).keys().collect::<Vec<_>>(), [&streams[1]]);
    assert_eq!(by_run(&one)[&streams[1]], files(&home)[&streams[1]]);
    let labelled = by_run(&now(&server, "&label=l0", None));
    assert_eq!(labelled.len(), 2);
    let ends = now(&server, "&only=turn_completed", None);
    assert_eq!(ends.len(), 5);
    assert!(ends.iter().all(|frame| frame.data.contains("turn_completed")));
    assert_eq!(now(&server, "&from=now", None), []);
    server.get("/stream?until=end").refused(400);
    server.get("/stream?only=odd").refused(400);
    let head = server.request("GET", "/stream?until=now").send();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert!(head.text().starts_with("retry: "), "{}", head.text());
}

#[test]
fn a_live_stream_goes_on_with_new_runs() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let mut live = server.request("GET", "/stream").open();
    live.until("retry: ");
    for round in 0..3 {
        let stream = server.run(&json!({"prompt": format!("round {round}")}));
        let seen = live.until(&format!("round {round}"));
        assert!(seen.contains(&stream), "{seen}");
    }
}

#[test]
fn operations_are_told_as_they_happen_if_they_are_wanted() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let before = server.run(&json!({"prompt": "before"}));
    server.events(&before);
    // The end of a run stands in the history a moment after its last event.
    wait_for("its end", || server.get("/trace").text().contains(r#""op":"end""#));
    // What the order does not have yet would come as new.
    settled(&home, &server);
    let mut plain = server.request("GET", "/stream?from=now").open();
    let mut live = server.request("GET", "/stream?from=now&trace=1&only=turn_completed").open();
    plain.until("retry: ");
    live.until("retry: ");
    let stream = server.run(&json!({"prompt": "x"}));
    let mut seen = live.until(r#""op":"end""#);
    seen.push_str(&live.until("\n\n"));
    assert!(!seen.contains(&before), "{seen}");
    let trace: Vec<&str> = seen.split("\n\n").filter(|it| it.starts_with("event: trace")).collect();
    assert_eq!(trace.len(), 2, "{seen}");
    assert!(trace[0].contains(r#""op":"start""#) && trace[0].contains(&stream), "{seen}");
    let told = plain.until(r#""kind":"exit""#);
    assert!(!told.contains("event: trace"), "{told}");
    server.get("/stream?trace=2").refused(400);
}

#[test]
fn what_is_lost_is_told_once() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let streams = runs(&server, 3);
    let all = settled(&home, &server);
    let of = |stream: &str| {
        all.iter().filter(|frame| frame.data.contains(stream)).cloned().collect::<Vec<_>>()
    };
    for foreign in [
        "0123456789abcdef.3",
        "run@7",
        "x",
        "99",
        &format!("{}9", all.last().unwrap().id.as_ref().unwrap()),
    ] {
        let seen = now(&server, "", Some(foreign));
        assert_eq!(seen[0].name, "gap", "{foreign}: {:?}", seen[0]);
        let gap: Value = serde_json::from_str(&seen[0].data).unwrap();
        assert_eq!((&gap["asked"], seen[0].id.as_ref()), (&json!(foreign), None));
        assert_eq!(seen[1..], all, "{foreign}");
    }
    // The runs ran one after the other, so the second one is one piece of the order.
    wait_for("the removal", || {
        server.request("DELETE", &format!("/runs/{}", streams[1])).send().status != 409
    });
    let hole = of(&streams[1]);
    let ids = json!({"from": hole[0].id, "to": hole.last().unwrap().id});
    drop(server);
    // A server that has nothing in memory sees the same.
    let server = Server::start(&home, &[]);
    let seen = now(&server, "", None);
    let gaps: Vec<_> = seen.iter().filter(|frame| frame.name == "gap").collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(serde_json::from_str::<Value>(&gaps[0].data).unwrap(), ids);
    let rest: Vec<_> = seen.iter().filter(|frame| frame.name.is_empty()).cloned().collect();
    assert_eq!(rest, [of(&streams[0]), of(&streams[2])].concat());
    // A position in the hole: the rest of it is told.
    let inside = now(&server, "", hole[1].id.as_deref());
    assert_eq!(serde_json::from_str::<Value>(&inside[0].data).unwrap()["from"], json!(hole[2].id));
    assert_eq!(inside[1..], of(&streams[2]));
    // Another run of that name is another run.
    let again = home.start(&["--stream", &streams[1]], "echo again");
    home.ended(&again);
    wait_for("the new run", || {
        now(&server, "", None).iter().any(|frame| frame.data.contains("again"))
    });
    assert_eq!(
        by_run(now(&server, "", None).iter().filter(|frame| frame.name.is_empty()))[&again],
        files(&home)[&again]
    );
}

#[test]
fn a_power_cut_begins_a_new_order_and_a_clean_end_does_not() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stream = server.run(&json!({"prompt": "one"}));
    server.events(&stream);
    let all = settled(&home, &server);
    let index = state_file(&home, "index");
    let other_boot = || {
        let mut file = std::fs::OpenOptions::new().read(true).write(true).open(&index).unwrap();
        let mut head = [0; 64];
        file.read_exact(&mut head).unwrap();
        head[16] ^= 1;
        let sum = crc32(&head[..60]);
        head[60..].copy_from_slice(&sum.to_le_bytes());
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(&head).unwrap();
    };
    let end = |server: Server, signal| {
        server.live.signal(signal);
        server.live.end();
    };
    // A clean end, and a system that was started anew.
    end(server, rustix::process::Signal::TERM);
    other_boot();
    let server = Server::start(&home, &[]);
    assert_eq!(now(&server, "", None), all);
    // A power cut: the server had no time, and the last events are lost.
    end(server, rustix::process::Signal::KILL);
    other_boot();
    let bytes = std::fs::read(&index).unwrap();
    std::fs::write(&index, &bytes[..64 + 32 * (all.len() - 2)]).unwrap();
    let events = std::fs::read(home.events_path(&stream)).unwrap();
    std::fs::write(home.events_path(&stream), &events[..events.len() - 3]).unwrap();
    let server = Server::start(&home, &[]);
    let after = settled(&home, &server);
    let ids =
        |frames: &[Frame]| frames.iter().filter_map(|frame| frame.id.clone()).collect::<Vec<_>>();
    assert!(ids(&after).iter().all(|id| !ids(&all).contains(id)), "{after:?}");
    let gap = now(&server, "", all[1].id.as_deref());
    assert_eq!(gap[0].name, "gap");
    assert_eq!(gap[1..], after);
    // Garbage in place of a record.
    end(server, rustix::process::Signal::KILL);
    let mut bytes = std::fs::read(&index).unwrap();
    bytes[64 + 40] ^= 1;
    std::fs::write(&index, &bytes).unwrap();
    let server = Server::start(&home, &[]);
    let third = settled(&home, &server);
    assert!(ids(&third).iter().all(|id| !ids(&after).contains(id)), "{third:?}");
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

#[test]
fn two_servers_give_the_same_ids_and_one_takes_over() {
    let home = Home::new();
    let first = Server::start(&home, &[]);
    let second = Server::start(&home, &[]);
    runs(&first, 2);
    runs(&second, 2);
    let all = settled(&home, &first);
    wait_for("the second", || now(&second, "", None) == all);
    let mut live = second.request("GET", "/stream").open();
    live.until(&format!("id: {}\n", all.last().unwrap().id.as_ref().unwrap()));
    first.live.signal(rustix::process::Signal::KILL);
    first.live.end();
    let stream = second.run(&json!({"prompt": "after the end"}));
    live.until("after the end");
    second.events(&stream);
    let after = settled(&home, &second);
    assert_eq!(after[..all.len()], all);
    let third = Server::start(&home, &[]);
    assert_eq!(now(&third, "", None), after);
}

/// Servers of the test, by turns alive and killed.
struct Place {
    address: Mutex<Option<(String, String)>>,
    over: AtomicBool,
}

/// A client that connects, stalls, leaves and comes back with its last id, until it has `want` events after the end.
fn client(place: &Place, seed: u64) -> Vec<Frame> {
    let mut seen: Vec<Frame> = Vec::new();
    let mut random = seed * 2_654_435_761 + 1;
    let mut next = |most: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    loop {
        let is_over = place.over.load(Ordering::Acquire);
        let Some((address, token)) = place.address.lock().unwrap().clone() else {
            std::thread::yield_now();
            continue;
        };
        let last = seen.last().and_then(|frame| frame.id.clone());
        let path = if is_over { "/stream?until=now" } else { "/stream" };
        let Ok(mut stream) = std::net::TcpStream::connect(&address) else { continue };
        stream
            .set_read_timeout(Some(Duration::from_millis(if is_over {
                30_000
            } else {
                5 + next(80)
            })))
            .unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{last}Connection: close\r\n\r\n"
        );
        if stream.write_all(head.as_bytes()).is_err() {
            continue;
        }
        let mut bytes = Vec::new();
        let mut part = [0; 4096];
        let most = if is_over { u64::MAX } else { next(200_000) };
        while (bytes.len() as u64) < most {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => break,
                Ok(count) => bytes.extend_from_slice(&part[..count]),
            }
        }
        let mut text = whole_body(&bytes);
        seen.extend(frames(&mut text));
        if is_over {
            return seen;
        }
    }
}

/// Body of an answer as far as it was read.
fn whole_body(bytes: &[u8]) -> String {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return String::new();
    };
    let mut rest = &bytes[end + 4..];
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&rest[..line]).ok();
        let Some(length) = length.and_then(|text| usize::from_str_radix(text, 16).ok()) else {
            break;
        };
        let chunk = &rest[line + 2..];
        body.extend_from_slice(&chunk[..length.min(chunk.len())]);
        let Some(behind) = chunk.get(length + 2..) else { break };
        rest = behind;
    }
    // A character may be cut where the connection broke.
    let whole = std::str::from_utf8(&body).map_or_else(|e| e.valid_up_to(), str::len);
    String::from_utf8(body[..whole].to_vec()).unwrap()
}

#[test]
fn clients_see_every_event_once_while_servers_are_killed() {
    let home = Home::new();
    // 10,000 with SPILE_STRESS=50.
    let kills = stress(4000);
    let place = Arc::new(Place { address: Mutex::new(None), over: AtomicBool::new(false) });
    let agent = "words=sh -c 'while read -r line; do for n in 1 2 3 4 5 6 7 8; do echo \"$line $n\"; sleep 0.01; done; done'";
    let clients: Vec<_> = (0..64)
        .map(|seed| {
            let place = place.clone();
            std::thread::spawn(move || client(&place, seed))
        })
        .collect();
    let mut ids: HashMap<String, String> = HashMap::new();
    for round in 0..kills {
        let mut server = Server::start(&home, &["--agent", agent, "--max-runs", "1000"]);
        *place.address.lock().unwrap() = Some((server.address.clone(), server.token.clone()));
        if round % 4 == 0 {
            // A run that goes on over several kills. The answer may be lost, the run is not.
            let body = json!({"agent": "words", "prompt": format!("round {round}")});
            server.request("POST", "/runs").json(&body).open();
        }
        let pause = Duration::from_micros(round * 7919 % 30_000);
        read_for(server.request("GET", "/stream").connect(), pause);
        server.live.child.kill().unwrap();
        server.live.child.wait().unwrap();
        *place.address.lock().unwrap() = None;
    }
    let server = Server::start(&home, &["--agent", agent]);
    wait_for("the ends of the runs", || server.get("/status").expect(200)["live"] == 0);
    let all = settled(&home, &server);
    *place.address.lock().unwrap() = Some((server.address.clone(), server.token.clone()));
    place.over.store(true, Ordering::Release);
    for client in clients {
        let seen = client.join().unwrap();
        for frame in &seen {
            let id = frame.id.clone().unwrap_or_else(|| panic!("{frame:?}"));
            let known = ids.entry(id).or_insert_with(|| frame.data.clone());
            assert_eq!(*known, frame.data, "an id was given to two events");
        }
        assert_eq!(seen, all);
    }
    assert!(all.len() > 100, "{}", all.len());
}

/// Reads for this time at most.
fn read_for(mut stream: std::net::TcpStream, limit: Duration) {
    let since = std::time::Instant::now();
    while let Some(left) = limit.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left)).unwrap();
        if !matches!(stream.read(&mut [0; 512]), Ok(count) if count > 0) {
            break;
        }
    }
}
