//! One stream under all rules. A broken thing is reported once, and its consequences are not.

use super::blocks::Blocks;
use super::order::{Mode, Order, Sight, Step};
use super::report::{Report, ReportPlace, Rule};
use super::seen::Seen;
use super::tools::Tools;
use super::turns::Turns;
use crate::event::Type;

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The line of its last event.
    pub(super) line: u64,
    /// Unreadable lines without a stream that are counted as possibly its own.
    lost_anywhere: u64,
    pub(super) order: Order,
    pub(super) turns: Turns,
    blocks: Blocks,
    tools: Tools,
}

impl Stream {
    /// A stream whose first event has the number 1, or in [`Mode::Partial`] one that begins anywhere.
    pub(super) fn new(mode: Mode) -> Self {
        let mut stream = Self::default();
        if mode == Mode::Partial {
            stream.turns.sight = Sight::Blind;
            stream.blocks.jump = true;
        }
        stream
    }

    /// Notes the number of unreadable lines of the input that name no stream: one may have been this stream's.
    pub(super) fn lost_by(&mut self, lines: u64) {
        self.order.lost |= lines > self.lost_anywhere;
        self.lost_anywhere = lines;
    }

    pub(super) fn on_event(&mut self, seen: &Seen<'_, '_>, mode: Mode) {
        self.line = seen.number;
        match self.order.take(seen, mode) {
            Step::Next => {}
            Step::Skip => return,
            Step::Gap(sight) => {
                self.turns.gap(sight);
                self.blocks.gap(sight);
                self.tools.gaps += 1;
            }
        }
        if let Some(turn) = self.turns.over(seen) {
            self.blocks.jump = true;
            let known = match seen.kind {
                Type::TextDelta | Type::BlockFinal => self.blocks.holds(seen),
                Type::ToolFinished => self.tools.holds(seen),
                _ => false,
            };
            // A known one was missing before the turn's end, which has been reported.
            if !known {
                self.turns.tell_over(seen, turn);
            }
            return;
        }
        if self.turns.take(seen) {
            self.blocks.new_turn();
            self.tools.new_turn();
        }
        let sight = self.turns.sight;
        match seen.kind {
            Type::TextDelta => self.blocks.delta(seen, sight),
            Type::BlockFinal => self.blocks.finish(seen, sight),
            Type::ToolStarted => {
                self.blocks.before_tool(seen);
                self.tools.start(seen);
            }
            Type::ToolFinished => self.tools.finish(seen, sight),
            Type::TurnCompleted | Type::TurnFailed | Type::TurnCancelled => {
                self.blocks.before_end(seen);
                self.tools.before_end(seen);
                self.turns.end(seen);
            }
            Type::TurnStarted | Type::Status | Type::Other => {}
        }
    }

    /// The input has ended.
    pub(super) fn on_end(&self, name: &str, report: &Report) {
        if let Some(turn) = self.turns.without_end()
            && !self.order.lost
        {
            let what = format_args!("turn {turn} of stream {name} has no end");
            report.violation(ReportPlace::line(self.line), Rule::C5, what);
        }
    }
}
