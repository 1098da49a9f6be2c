//! One stream under all rules. A broken thing is reported once: what follows from it is not.

use super::blocks::Blocks;
use super::order::{Mode, Order, Sight, Step};
use super::report::{Report, ReportPlace, Rule};
use super::seen::Seen;
use super::tools::Tools;
use super::turns::Turns;
use crate::event::Type;

#[derive(Debug)]
pub(super) struct Stream {
    /// The line of its last event.
    pub(super) line: u64,
    /// How many lines that name no stream it knows of.
    lost_anywhere: u64,
    order: Order,
    turns: Turns,
    blocks: Blocks,
    tools: Tools,
}

impl Stream {
    /// A stream whose first event will have the number 1, or which may begin anywhere.
    pub(super) fn new(mode: Mode) -> Self {
        let sight = match mode {
            Mode::Whole => Sight::Whole,
            Mode::Partial => Sight::Blind,
        };
        let mut blocks = Blocks::default();
        if mode == Mode::Partial {
            blocks.unsure_of_next();
        }
        Self {
            line: 0,
            lost_anywhere: 0,
            order: Order::default(),
            turns: Turns::new(sight),
            blocks,
            tools: Tools::default(),
        }
    }

    /// A line that could not be read may have been this stream's.
    pub(super) fn lost(&mut self) {
        self.order.lost = true;
    }

    /// So many lines of the input could not be read and name no stream.
    pub(super) fn lost_by(&mut self, lines: u64) {
        if lines > self.lost_anywhere {
            self.lost_anywhere = lines;
            self.lost();
        }
    }

    /// How many turns were opened.
    pub(super) fn turns(&self) -> u64 {
        self.turns.count
    }

    /// True if a turn is open.
    pub(super) fn is_open(&self) -> bool {
        self.turns.open.is_some()
    }

    pub(super) fn on_event(&mut self, seen: &Seen<'_, '_>, mode: Mode, report: &mut Report) {
        self.line = seen.source.number;
        match self.order.take(seen, mode, report) {
            Step::Next => {}
            Step::Skip => return,
            Step::Gap(sight) => {
                self.turns.gap(sight);
                self.blocks.gap(sight);
                self.tools.gap();
            }
        }
        if let Some(turn) = self.turns.over(seen) {
            self.blocks.unsure_of_next();
            let known = match seen.kind {
                Type::TextDelta | Type::BlockFinal => self.blocks.holds(seen),
                Type::ToolFinished => self.tools.holds(seen),
                _ => false,
            };
            // That it was missing before the end has been reported.
            if !known {
                self.turns.tell_over(seen, turn, report);
            }
            return;
        }
        if self.turns.take(seen, report) {
            self.blocks.new_turn();
            self.tools.new_turn();
        }
        let sight = self.turns.sight;
        match seen.kind {
            Type::TextDelta => self.blocks.delta(seen, sight, report),
            Type::BlockFinal => self.blocks.finish(seen, sight, report),
            Type::ToolStarted => {
                self.blocks.before_tool(seen, report);
                self.tools.start(seen, report);
            }
            Type::ToolFinished => self.tools.finish(seen, sight, report),
            Type::TurnCompleted | Type::TurnFailed | Type::TurnCancelled => {
                self.blocks.before_end(seen, report);
                self.tools.before_end(seen, report);
                self.turns.end(seen);
            }
            Type::TurnStarted | Type::Status | Type::Other => {}
        }
    }

    /// The input has ended.
    pub(super) fn on_end(&self, name: &str, report: &mut Report) {
        if let Some(turn) = self.turns.without_end()
            && !self.order.lost
        {
            let what = format_args!("turn {turn} of stream {name} has no end");
            report.violation(ReportPlace::line(self.line), Rule::C5, what);
        }
    }
}
