//! Usage and cost of a turn, on the way and on its terminal event.

use super::Guard;
use super::terms::Notice;
use crate::event::UsageAndCost;

impl Guard {
    /// Notes the usage of the open turn so far, in case its end has none.
    pub fn note_spent(&mut self, spent: &UsageAndCost) {
        if let Some(turn) = &mut self.state.turn {
            turn.spent = spent.clone();
        }
    }

    /// As [`Guard::note_spent`], with a status if the usage or the cost has changed.
    pub fn report_spent(&mut self, spent: &UsageAndCost) {
        let Some(turn) = &mut self.state.turn else { return };
        let before = std::mem::replace(&mut turn.spent, spent.clone());
        let (usage, cost_usd) = (spent.usage, spent.cost_usd);
        if (before.usage, before.cost_usd) == (usage, cost_usd) {
            return;
        }
        let so_far = UsageAndCost { usage, cost_usd, ..UsageAndCost::default() };
        let notice = Notice { kind: "usage", ..Notice::default() };
        self.status_of(&notice, |data| data.value("so_far", &so_far));
    }
}

/// The usage at the end of a turn; fields that it lacks come from `noted`.
pub(super) fn or_noted(end: &UsageAndCost, noted: UsageAndCost) -> UsageAndCost {
    UsageAndCost {
        usage: end.usage.or(noted.usage),
        usage_total: end.usage_total.or(noted.usage_total),
        cost_usd: end.cost_usd.or(noted.cost_usd),
        duration_ms: end.duration_ms.or(noted.duration_ms),
    }
}
