//! Whatever comes and whatever the conditions are: text is conserved up to the end of the turn, order is kept, a turn ends
//! once, and cancel in a chain is cancel in a pipe.

use proptest::prelude::*;

use super::*;
use crate::check::{self, Check};
use crate::codec;
use crate::exit::Exit;
use crate::filter::cancel::Prices;
use crate::filter::coalesce::{self, Coalesce};
use crate::stage::{Io, Stage};

/// Open parts of a generated stream.
#[derive(Default)]
struct Open {
    turn: bool,
    block: Option<(String, String)>,
    tool: Option<String>,
    blocks: u64,
    tools: u64,
    tokens: u64,
}

impl Open {
    fn delta(&mut self, script: &mut Script, at: u64, stream: &str, text: &str) {
        let (block, whole) = self.block.get_or_insert_with(|| {
            self.blocks += 1;
            (format!("b{}", self.blocks), String::new())
        });
        whole.push_str(text);
        let kind = if block.ends_with('3') { "reasoning" } else { "answer" };
        script.text(at, stream, (block, kind), text);
    }

    fn close(&mut self, script: &mut Script, at: u64, stream: &str) {
        if let Some((block, text)) = self.block.take() {
            let kind = if block.ends_with('3') { "reasoning" } else { "answer" };
            let body = format!(r#""block":"{block}","kind":"{kind}","text":"{text}""#);
            script.emit(at, stream, "block_final", &body);
        }
    }

    fn tool(&mut self, script: &mut Script, at: u64, stream: &str) {
        self.close(script, at, stream);
        if let Some(id) = self.tool.take() {
            let body =
                format!(r#""tool":{{"id":"{id}","name":"n","kind":"other"}},"outcome":"ok""#);
            script.emit(at, stream, "tool_finished", &body);
            return;
        }
        self.tools += 1;
        let (id, name) =
            (format!("t{}", self.tools), ["n", "m"][usize::from(self.tools.is_multiple_of(4))]);
        let body = format!(r#""tool":{{"id":"{id}","name":"{name}","kind":"other"}}"#);
        script.emit(at, stream, "tool_started", &body);
        self.tool = Some(id);
    }

    fn end(&mut self, script: &mut Script, at: u64, stream: &str) {
        if std::mem::take(&mut self.turn) {
            self.close(script, at, stream);
            if self.tool.is_some() {
                self.tool(script, at, stream);
            }
            script.complete(at, stream);
        }
    }
}

/// Three streams in one input, each turn of them with an end; the first may have a wrap.
fn schedule() -> impl Strategy<Value = Vec<Timed>> {
    let text = prop_oneof![
        6 => "[abc ]{1,6}".prop_map(String::from),
        1 => prop::sample::select(vec![r"\n", r"\ud83d", r"\ude00", r"\u0000", "👩\u{200d}"]).prop_map(str::to_owned),
    ];
    let gap = prop_oneof![4 => 0u64..30, 1 => 200u64..1500];
    let steps = prop::collection::vec((gap, 0usize..3, 0u8..16, text), 1..60);
    (any::<bool>(), steps).prop_map(|(session, steps)| {
        let mut script = Script::default();
        let mut streams: [Open; 3] = Default::default();
        let mut now = 0;
        if session {
            script.session(0, "s0");
        }
        for (gap, n, what, text) in steps {
            now += gap;
            let (name, open) = (format!("s{n}"), &mut streams[n]);
            if !std::mem::replace(&mut open.turn, true) {
                script.start(now, &name);
            }
            match what {
                0 => open.end(&mut script, now, &name),
                1 => script.beside(now, &name),
                2 => {
                    let (turn, control) = (script.state(&name).2, request_of(&name).control);
                    let request = CancelRequest { turn, control, ..request_of(&name) };
                    let code = ["gone", "no_turn", "silent"][text.len() % 3];
                    script.lines.push((now, refusal(&request, code, "why")));
                }
                3 => {
                    open.tokens += 10;
                    let data = format!(
                        r#""kind":"usage","data":{{"total_tokens":{},"cost_usd":{}}}"#,
                        open.tokens, open.tokens
                    );
                    script.emit(now, &name, "status", &data);
                }
                4 => open.close(&mut script, now, &name),
                5 => open.tool(&mut script, now, &name),
                _ => open.delta(&mut script, now, &name, &text),
            }
        }
        for (n, open) in streams.iter_mut().enumerate() {
            open.end(&mut script, now, &format!("s{n}"));
        }
        if session {
            script.exit(now, "s0");
        }
        script.lines
    })
}

fn request_of(stream: &str) -> CancelRequest {
    CancelRequest {
        stream: stream.to_owned(),
        turn: 0,
        reason: String::new(),
        control: Some(Control { pid: 7, word: "w".into() }),
    }
}

const PRICES: &str = r#"{"":{"input":9000,"output":90000}}"#;

fn any_options() -> impl Strategy<Value = Options> {
    let some = prop::option::weighted::<std::ops::Range<u64>>;
    let time = |most| some(0.4, 1..most).prop_map(|t| t.map(Duration::from_millis));
    let (tool, pattern) = (any::<bool>(), any::<bool>());
    let numbers = (some(0.3, 0..60), some(0.3, 0..60), some(0.3, 0..60));
    (time(3000), time(1500), tool, pattern, some(0.3, 2..4), numbers).prop_map(
        |(after, when_idle, tool, pattern, on_repeat, (max_text, max_tokens, max_cost))| Options {
            after,
            when_idle,
            pattern: pattern.then(|| Regex::new("a[bc]+c|\u{1f600}").unwrap()),
            tools: tool.then(|| "m".to_owned()).into_iter().collect(),
            on_repeat,
            max_text,
            max_tokens,
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            max_cost: max_cost.map(|n| n as f64),
            estimate: tool,
            prices: pattern.then(|| Prices::parse(PRICES).unwrap()),
            ..Options::default()
        },
    )
}

/// Numbered lines of a stream: those of the input, and those that cancel has emitted.
fn of_stream(lines: &[Timed], stream: &str) -> (Vec<Timed>, Vec<Timed>) {
    let numbered = lines.iter().filter(|(_, line)| {
        let event = codec::decode(line.as_bytes()).unwrap();
        event.stream.as_deref() == Some(stream) && event.seq.is_some()
    });
    let emitted = |(_, line): &Timed| line.contains(r#""synthetic":true"#);
    let (emitted, came) = numbered.cloned().partition(emitted);
    (came, emitted)
}

/// Report of `check` on whole streams, if there is a violation.
pub(super) fn violations(lines: &[Timed]) -> Option<String> {
    let mut check = Check::new(check::Options::default());
    let mut io = Io::default();
    for (_, line) in lines {
        check.on_bytes(Time::default(), format!("{line}\n").as_bytes(), &mut io);
    }
    check.on_end(Time::default(), &mut io);
    let wrong = check.exit() != Exit::Success;
    wrong.then(|| String::from_utf8(io.out).unwrap())
}

/// The filter without a chain, which is also called when nothing is due.
fn bare(options: &Options, input: &[Timed]) -> (Vec<u8>, u64) {
    let mut filter = Answered::new(options);
    let mut bytes = Vec::new();
    for (at, line) in input {
        let now = Time::from_millis(*at);
        let mut out = Out::bytes(&mut bytes);
        while let Some(due) = filter.deadline().filter(|due| *due <= now) {
            filter.on_tick(due, &mut out);
        }
        filter.on_tick(now, &mut out);
        filter.on_event(now, &codec::decode(line.as_bytes()).unwrap(), &mut out);
        filter.on_flush(now, &mut out);
    }
    let mut out = Out::bytes(&mut bytes);
    // Time goes on until nothing is due any more: what was only started has not ended.
    while let Some(due) = filter.deadline() {
        filter.on_tick(due, &mut out);
    }
    filter.on_end(Time::from_millis(u64::MAX), &mut out);
    let cancelled = filter.0.borrow().cancelled;
    (bytes, cancelled)
}

fn joined(lines: &[Timed]) -> Vec<u8> {
    let lines = lines.iter().flat_map(|(_, line)| [line.as_str(), "\n"]);
    lines.collect::<String>().into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn text_and_order_are_conserved_and_a_turn_ends_once(options in any_options(), input in schedule()) {
        let answer = |(_, line): &&Timed| is_refusal(line);
        let events: Vec<Timed> = input.iter().filter(|line| !answer(line)).cloned().collect();
        prop_assert_eq!(violations(&events), None, "the input is what it should be");
        let (chain, filter) = cancel(&options);
        let out = drive(chain, &input);
        let mut cut = 0;
        for stream in ["s0", "s1", "s2"] {
            let (all, none) = of_stream(&input, stream);
            let (passed, emitted) = of_stream(&out, stream);
            prop_assert!(none.is_empty());
            // Untouched, at the time at which it came, and nothing missing in the middle.
            prop_assert_eq!(&passed[..], &all[..passed.len()]);
            let ends = |(_, line): &&Timed| line.contains(r#""type":"turn_cancelled""#);
            prop_assert_eq!(emitted.iter().filter(ends).count(), emitted.len().min(1));
            let last = out.iter().rfind(|(_, line)| line.contains(&format!(r#""stream":"{stream}""#)));
            if emitted.is_empty() {
                prop_assert_eq!(passed.len(), all.len());
            } else {
                cut += 1;
                prop_assert_eq!(last, emitted.last(), "nothing comes behind the end");
                prop_assert!(ends(&emitted.last().unwrap()));
            }
        }
        // One terminal event for each turn, blocks with the text of their deltas, numbers without a gap.
        prop_assert_eq!(violations(&out), None);
        prop_assert_eq!(filter.borrow().cancelled, cut);
        // Requests go to the stream with a wrap, once for each turn.
        let mut turns: Vec<u64> = filter.borrow().requests.iter().map(|request| request.turn).collect();
        let requests_sent = turns.len();
        turns.dedup();
        prop_assert_eq!(turns.len(), requests_sent);
        prop_assert!(filter.borrow().requests.iter().all(|request| request.stream == "s0"));
    }

    /// Law: a chain in one process has the output of the same filters with lines between them, at the same times.
    #[test]
    fn a_chain_is_its_filters_one_after_the_other(a in any_options(), b in any_options(), input in schedule()) {
        let of = |options: &Options| -> Box<dyn Filter> {
            Box::new(Answered::new(options))
        };
        let merging = || -> Box<dyn Filter> { Box::new(Coalesce::new(coalesce::Options::default())) };
        let chained = drive(Chain::new(vec![of(&a), of(&b)]), &input);
        prop_assert_eq!(chained, run(&b, &run(&a, &input)));
        let chained = drive(Chain::new(vec![merging(), of(&a), merging()]), &input);
        let piped = run(&a, &drive(Chain::new(vec![merging()]), &input));
        prop_assert_eq!(chained, drive(Chain::new(vec![merging()]), &piped));
    }

    #[test]
    fn without_a_chain_it_is_the_same_filter(options in any_options(), input in schedule()) {
        let (chain, filter) = cancel(&options);
        let out = drive(chain, &input);
        let (bytes, cancelled) = bare(&options, &input);
        prop_assert_eq!(String::from_utf8(bytes).unwrap(), String::from_utf8(joined(&out)).unwrap());
        prop_assert_eq!(cancelled, filter.borrow().cancelled);
    }
}
