//! Usage and cost of a turn, on the way and on its terminal event.

use super::Guard;
use super::terms::Notice;
use crate::codec::Object;
use crate::event::{ChangedFiles, Usage, UsageAndCost};

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
        self.status_of(&notice, |data| data.object("so_far", |fields| write(fields, &so_far)));
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

/// Writes the fields as the struct's derive does.
pub(super) fn write(object: &mut Object<'_>, spent: &UsageAndCost) {
    for (key, usage) in [("usage", &spent.usage), ("usage_total", &spent.usage_total)] {
        if let Some(usage) = usage {
            object.object(key, |counts| write_counts(counts, usage));
        }
    }
    object.value_if("cost_usd", spent.cost_usd.filter(|cost| cost.is_finite()).as_ref());
    if let Some(duration_ms) = spent.duration_ms {
        object.integer("duration_ms", duration_ms);
    }
}

fn write_counts(object: &mut Object<'_>, usage: &Usage) {
    let counts = [
        ("input_tokens", usage.input_tokens),
        ("output_tokens", usage.output_tokens),
        ("cache_read_tokens", usage.cache_read_tokens),
        ("cache_write_tokens", usage.cache_write_tokens),
        ("reasoning_tokens", usage.reasoning_tokens),
        ("total_tokens", usage.total_tokens),
    ];
    for (key, count) in counts {
        if let Some(count) = count {
            object.integer(key, count);
        }
    }
}

/// Writes the fields as the struct's derive does.
pub(super) fn write_files(object: &mut Object<'_>, changed: &ChangedFiles<'_>) {
    if !changed.files.is_empty() {
        object.texts("files", &changed.files);
    }
    if let Some(more) = changed.files_more {
        object.integer("files_more", more);
    }
}
