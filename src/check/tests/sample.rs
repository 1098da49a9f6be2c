//! Valid streams for tests to break: one by hand and any number at random.

/// An event before it gets its number and time.
#[derive(Debug, Clone)]
pub(super) struct Ev {
    pub(super) stream: &'static str,
    pub(super) kind: &'static str,
    pub(super) turn: u64,
    /// The fields of the body, as JSON without braces.
    pub(super) body: String,
}

impl Ev {
    pub(super) fn new(kind: &'static str, turn: u64, body: &str) -> Self {
        Self { stream: "s", kind, turn, body: body.into() }
    }
}

/// The line of an event with this number, in the contract's key order.
pub(super) fn line(ev: &Ev, seq: u64) -> String {
    let turn = match ev.turn {
        0 => String::new(),
        n => format!(r#""turn":{n},"#),
    };
    let Ev { stream, kind, body, .. } = ev;
    let ts =
        format!("2023-11-14T22:{:02}:{:02}.{:03}Z", seq / 600 % 60, seq / 10 % 60, seq % 10 * 100);
    format!(r#"{{"v":1,"type":"{kind}","stream":"{stream}",{turn}"seq":{seq},"ts":"{ts}",{body}}}"#)
}

/// The lines of events, numbered from 1 in each stream.
pub(super) fn render(events: &[Ev]) -> Vec<String> {
    let mut seqs = std::collections::HashMap::new();
    events
        .iter()
        .map(|ev| {
            let seq = seqs.entry(ev.stream).or_insert(0);
            *seq += 1;
            line(ev, *seq)
        })
        .collect()
}

pub(super) fn text(lines: &[String]) -> String {
    lines.iter().map(|l| format!("{l}\n")).collect()
}

pub(super) fn delta(turn: u64, block: u64, text: &str) -> Ev {
    Ev::new("text_delta", turn, &format!(r#""block":"b{block}","kind":"answer","text":"{text}""#))
}

pub(super) fn whole(turn: u64, block: u64, text: &str) -> Ev {
    Ev::new("block_final", turn, &format!(r#""block":"b{block}","kind":"answer","text":"{text}""#))
}

pub(super) fn started(turn: u64, id: &str) -> Ev {
    Ev::new(
        "tool_started",
        turn,
        &format!(
            r#""tool":{{"id":"{id}","name":"Bash","kind":"execute","input":{{"n":1.50}},"paths":["a"]}}"#
        ),
    )
}

pub(super) fn finished(turn: u64, id: &str) -> Ev {
    Ev::new(
        "tool_finished",
        turn,
        &format!(
            r#""tool":{{"id":"{id}","name":"Bash","kind":"execute"}},"outcome":"ok","output":null"#
        ),
    )
}

pub(super) fn opened(turn: u64) -> Ev {
    Ev::new("turn_started", turn, r#""runtime":"test","tools":["a","b"]"#)
}

pub(super) fn completed(turn: u64) -> Ev {
    Ev::new(
        "turn_completed",
        turn,
        r#""stop":"end_turn","usage":{"input_tokens":3,"x":{}},"cost_usd":0.5,"files":["a"],"files_more":2"#,
    )
}

pub(super) fn status(turn: u64, kind: &str) -> Ev {
    Ev::new("status", turn, &format!(r#""kind":"{kind}""#))
}

pub(super) fn part(turn: u64, block: u64, part: u64, last: &str, more: &str) -> Ev {
    Ev::new(
        "block_final",
        turn,
        &format!(
            r#""block":"b{block}","kind":"answer",{more},"part":{part},"last":{last},"delivery_id":"s/{turn}/b{block}/{part}""#
        ),
    )
}

/// A session of two turns. Indices of the events are used by the tests.
pub(super) fn session() -> Vec<Ev> {
    vec![
        status(0, "session"),
        opened(1),
        delta(1, 1, "He"),
        delta(1, 1, "llo"),
        whole(1, 1, "Hello"),
        started(1, "t1"),
        status(1, "progress"),
        finished(1, "t1"),
        delta(1, 2, "a"),
        delta(1, 2, "b"),
        whole(1, 2, "ab"),
        completed(1),
        opened(2),
        whole(2, 3, "direct"),
        started(2, "t1"),
        finished(2, "t1"),
        Ev::new("turn_failed", 2, r#""error":{"code":"auth","message":"no"},"exit":{"code":1}"#),
        status(0, "exit"),
    ]
}

/// xorshift64*: the same seed gives the same stream everywhere.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }
}

/// A valid stream: turns of blocks with deltas (some of half a surrogate pair), tools side by side, sub-agents, statuses.
pub(super) fn random(rng: &mut Rng, stream: &'static str) -> Vec<Ev> {
    const WORDS: [&str; 7] = ["a", "\\n", "é", "\\ud83d", "\\ude00", "\\u00e9 \\\"x\\\"", "😀"];
    let mut events = vec![status(0, "session")];
    let mut block = 0;
    for turn in 1..=1 + rng.below(4) {
        events.push(opened(turn));
        for _ in 0..rng.below(5) {
            let parent = rng.below(4) == 0;
            let first = events.len();
            block += 1;
            let mut so_far = String::new();
            for _ in 0..2 + rng.below(5) {
                let word = WORDS[rng.below(7) as usize];
                so_far.push_str(word);
                events.push(delta(turn, block, word));
                if rng.below(6) == 0 {
                    events.push(status(turn, "progress"));
                }
            }
            events.push(whole(turn, block, &so_far));
            if parent {
                for ev in &mut events[first..] {
                    ev.body.push_str(r#","parent":"p1""#);
                }
            }
            let tools = rng.below(4);
            for n in 0..tools {
                events.push(started(turn, &format!("t{block}.{n}")));
            }
            for n in (0..tools).rev() {
                events.push(finished(turn, &format!("t{block}.{n}")));
            }
        }
        events.push(match rng.below(3) {
            0 => completed(turn),
            1 => Ev::new("turn_cancelled", turn, r#""by":"signal","reason":"SIGINT""#),
            _ => Ev::new("turn_failed", turn, r#""error":{"code":"truncated","message":""}"#),
        });
    }
    events.push(status(0, "exit"));
    for ev in &mut events {
        ev.stream = stream;
    }
    events
}

/// Several random streams, interleaved.
pub(super) fn random_all(seed: u64) -> Vec<Ev> {
    let mut rng = Rng(seed | 1);
    let names = ["s", "t.1", "u:2"];
    let count = 1 + rng.below(3) as usize;
    let mut streams: Vec<_> =
        names[..count].iter().map(|name| random(&mut rng, name).into_iter()).collect();
    let mut events = Vec::new();
    while !streams.is_empty() {
        let at = rng.below(streams.len() as u64) as usize;
        match streams[at].next() {
            Some(ev) => events.push(ev),
            None => drop(streams.swap_remove(at)),
        }
    }
    events
}
