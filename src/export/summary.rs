//! The summary of a run for the page of a GitHub job: the main agent's answers, the calls that failed, the end of each turn.
//!
//! Source: GitHub, "Adding a job summary": Markdown in the file that `GITHUB_STEP_SUMMARY` names, at most 1 MiB for a step.

use super::markdown::{Fold, Markdown};
use super::transcript::{Page, Piece, Section, Totals, Transcript};
use crate::exit::Exit;
use crate::stage::{Io, LineStage, Reading, Stage};
use crate::term::style::Look;
use crate::term::view::call::{Call, Cut};
use crate::time::Time;

/// Bytes that the summaries of a step may have together.
pub const MAX_STEP: usize = 1 << 20;

/// Bytes of one answer; of a longer one the beginning and the end are shown.
const MAX_ANSWER: usize = 64 << 10;

/// Last line of a summary that is not whole.
const CUT: &str = "\n*The rest is left out: a summary has at most 1 MiB.*\n";

/// A transcript without what the log has.
struct Brief {
    page: Markdown,
    /// Frames of sub-agents around the next piece.
    depth: usize,
}

impl Page for Brief {
    fn begin(&mut self, out: &mut String) {
        // The text before it may not end with a line feed.
        out.push_str("\n## Agent\n");
    }

    fn open(&mut self, section: &Section<'_>, out: &mut String) {
        self.page.open(section, out);
    }

    fn close(&mut self, out: &mut String) {
        self.page.close(out);
    }

    fn nest(&mut self, _: Option<&Call>, _: &mut String) {
        self.depth += 1;
    }

    fn unnest(&mut self, _: &mut String) {
        self.depth -= 1;
    }

    fn piece(&mut self, piece: &Piece<'_>, out: &mut String) {
        match piece {
            Piece::Answer(text) if self.depth == 0 => {
                let text = Cut::bytes(text, MAX_ANSWER).joined();
                self.page.piece(&Piece::Answer(&text), out);
            }
            Piece::Call(_, finish) if finish.look == Look::Bad => self.page.piece(piece, out),
            Piece::Notice(Look::Bad, _) | Piece::End(_) => self.page.piece(piece, out),
            _ => {}
        }
    }

    fn end(&mut self, totals: &Totals, out: &mut String) {
        self.page.end(totals, out);
    }
}

/// A stage, and a summary of its input beside it.
pub struct WithSummary<S> {
    stage: S,
    transcript: LineStage<Transcript<Brief>>,
    text: Vec<u8>,
    room: usize,
}

impl<S: Stage> WithSummary<S> {
    /// A summary of at most `room` bytes.
    pub fn new(stage: S, reading: &Reading, room: usize) -> Self {
        let page = Brief { page: Markdown::new(Fold::Never), depth: 0 };
        let transcript = LineStage::of(Transcript::new(page), reading);
        Self { stage, transcript, text: Vec::new(), room }
    }

    /// The summary, with the end of what is open.
    pub fn summary(mut self) -> Vec<u8> {
        self.keep(|transcript, io| transcript.end(Time::default(), io));
        self.text
    }

    /// Keeps what the transcript writes, as far as there is room.
    fn keep(&mut self, write: impl FnOnce(&mut LineStage<Transcript<Brief>>, &mut Io)) {
        let mut io = Io::default();
        write(&mut self.transcript, &mut io);
        if self.text.ends_with(CUT.as_bytes()) || io.out.is_empty() {
            return;
        }
        match self.room.checked_sub(self.text.len() + io.out.len() + CUT.len()) {
            Some(_) => self.text.append(&mut io.out),
            None if self.room >= self.text.len() + CUT.len() => {
                self.text.extend_from_slice(CUT.as_bytes());
            }
            None => {}
        }
    }
}

impl<S: Stage> Stage for WithSummary<S> {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        self.stage.on_bytes(now, bytes, io);
        self.keep(|transcript, io| transcript.on_bytes(now, bytes, io));
    }

    fn on_source(&mut self, now: Time, name: &str, io: &mut Io) {
        self.stage.on_source(now, name, io);
        self.keep(|transcript, io| transcript.on_source(now, name, io));
    }

    fn deadline(&self) -> Option<Time> {
        self.stage.deadline()
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        self.stage.on_tick(now, io);
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        self.stage.on_end(now, io);
    }

    fn on_rest(&mut self, now: Time, io: &mut Io) -> bool {
        self.stage.on_rest(now, io)
    }

    fn on_signal(&mut self, now: Time, signal: i32, io: &mut Io) {
        self.stage.on_signal(now, signal, io);
    }

    fn is_over(&self) -> bool {
        self.stage.is_over()
    }

    fn exit(&self) -> Exit {
        self.stage.exit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::view::{Options, View};

    fn summary(room: usize, input: &str) -> String {
        let reading = Reading::default();
        let mut stage = WithSummary::new(View::new(&Options::default()), &reading, room);
        for slice in input.as_bytes().chunks(97) {
            stage.on_bytes(Time::default(), slice, &mut Io::default());
        }
        String::from_utf8(stage.summary()).expect("Markdown is UTF-8")
    }

    fn event(n: usize, fields: &str) -> String {
        format!(
            "{{\"v\":1,\"stream\":\"s\",\"turn\":1,\"seq\":{n},\"ts\":\"2026-01-01T00:00:0{}.000Z\",{fields}}}\n",
            n % 10
        )
    }

    fn answer(n: usize, text: &str) -> String {
        let fields = r#""type":"block_final","block":"b","kind":"answer","text":"#;
        event(n, &format!("{fields}{}", crate::codec::to_json(text)))
    }

    #[test]
    fn the_answer_the_failures_and_the_end_are_in_it() {
        let tool = |n, id: &str, outcome: &str| {
            let tool = format!(r#""tool":{{"id":"{id}","name":"Bash","title":"make {id}"}}"#);
            let end =
                format!(r#""type":"tool_finished",{tool},"outcome":"{outcome}","output":"no""#);
            event(n, &format!(r#""type":"tool_started",{tool}"#)) + &event(n + 1, &end)
        };
        let input = [
            event(1, r#""type":"turn_started","runtime":"claude""#),
            tool(2, "good", "ok"),
            tool(4, "bad", "error"),
            answer(6, "**Done** <script>"),
            event(7, r#""type":"turn_completed","stop":"end_turn""#),
        ];
        assert_eq!(
            summary(MAX_STEP, &input.concat()),
            "\n## Agent\n\n### Turn 1 · claude\n\n- ✗ **Bash** `make bad` (1.0s)\n\n  ```text\n  no\n  ```\n\n\
             **Done** \\<script\\>\n\n**✓ Completed 6.0s** · tools 2.0s, start 1.0s, model 2.0s, other 1.0s\n"
        );
    }

    #[test]
    fn there_is_never_more_than_the_room() {
        let text = "word ".repeat(1000);
        let input: String = (1..100).map(|n| answer(n, &text)).collect();
        for room in [0, 10, CUT.len(), 7_000, 100_000] {
            let text = summary(room, &input);
            assert!(text.len() <= room, "{room}");
            assert_eq!(text.ends_with(CUT), room >= CUT.len(), "{room}");
        }
        assert!(summary(MAX_STEP, &answer(1, &"x".repeat(MAX_STEP))).len() < 2 * MAX_ANSWER);
    }
}
