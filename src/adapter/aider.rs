//! Aider: `aider --message PROMPT --yes --no-pretty --no-fancy-input`. It has no machine format, so everything that it
//! prints is answer text and the way it ends decides; the line that counts the tokens of each reply is read beside that.

use serde_json::Value;

use super::json::spend;
use super::text::PlainText;
use super::{Adapter, Framing, Line, Match, Spec};
use crate::codec::{Lines, Piece};
use crate::event::{Spent, Usage};
use crate::guard::{Ended, Guard, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "aider",
    aliases: &[],
    versions: "screen captures",
    about: "Aider, its plain output",
    usage: "aider --yes --no-pretty --message PROMPT",
    commands: &["aider"],
    // Whatever it is asked, it prints text.
    flags: &[""],
    has_result: false,
    detect: |_: &Value| Match::No,
    new: |_| {
        Box::new(Aider {
            text: PlainText::new("aider"),
            lines: Lines::new(FOOTER),
            spent: Spent::default(),
        })
    },
};

/// The longest line that is looked at for its counts, in bytes.
const FOOTER: usize = 4096;

struct Aider {
    text: PlainText,
    lines: Lines,
    spent: Spent,
}

impl Adapter for Aider {
    fn framing(&self) -> Framing {
        Framing::Chunks
    }

    fn on_line(&mut self, now: Time, line: Line<'_>, guard: &mut Guard) {
        self.text.on_line(now, line, guard);
        let spent = &mut self.spent;
        self.lines.feed(line.bytes, |piece| footer(piece, spent, guard));
    }

    fn on_end(&mut self, now: Time, ended: Ended, guard: &mut Guard) -> Verdict {
        let spent = &mut self.spent;
        self.lines.end(|piece| footer(piece, spent, guard));
        self.text.on_end(now, ended, guard)
    }
}

/// `Tokens: 8.6k sent, 59 received. Cost: $0.03 message, $0.06 session.`: the tokens of a message and the cost of the run.
fn footer(piece: Piece<'_>, spent: &mut Spent, guard: &mut Guard) {
    let Piece::Line { bytes, .. } = piece else {
        return;
    };
    let line = std::str::from_utf8(bytes).unwrap_or_default();
    let Some(counts) = line.trim_start().strip_prefix("Tokens: ") else {
        return;
    };
    let (tokens, cost) = counts.split_once("Cost: ").unwrap_or((counts, ""));
    let mut usage = Usage::default();
    for part in tokens.split(',') {
        let part = part.trim().trim_end_matches('.');
        let (number, what) = part.split_once(' ').unwrap_or_default();
        let place = match what {
            "sent" => &mut usage.input_tokens,
            "received" => &mut usage.output_tokens,
            "cache write" => &mut usage.cache_write_tokens,
            "cache hit" => &mut usage.cache_read_tokens,
            _ => continue,
        };
        *place = rounded(number);
    }
    spend(spent, Some(usage), None);
    let session = cost.split(',').find_map(|part| part.trim().strip_suffix(" session."));
    let session = session.and_then(|part| part.strip_prefix('$')?.parse().ok());
    spent.cost_usd = session.or(spent.cost_usd);
    guard.note_spent(spent);
}

/// `597`, `8.6k` or `1.2M`, which is as exact as it is said.
fn rounded(number: &str) -> Option<u64> {
    let (digits, unit) = match number.strip_suffix(['k', 'M']) {
        Some(digits) if number.ends_with('k') => (digits, 1e3),
        Some(digits) => (digits, 1e6),
        None => (number, 1.0),
    };
    let value: f64 = digits.replace(',', "").parse().ok()?;
    Some((value * unit).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_footer_counts_tokens_and_cost() {
        let mut guard =
            Guard::new(crate::guard::Config { stream: "s".into(), label: None, max_block: 1000 });
        let mut aider = (SPEC.new)(&[]);
        let text = "Hi.\nTokens: 8.6k sent, 59 received. Cost: $0.03 message, $0.03 session.\n\
                    Yes.\nTokens: 400 sent, 1 received. Cost: $0.01 message, $0.04 session.";
        for bytes in text.as_bytes().chunks(7) {
            let line = Line { text: None, bytes, number: 1, offset: 0, ended: false };
            aider.on_line(Time::default(), line, &mut guard);
        }
        let verdict = aider.on_end(Time::default(), Ended::Exited(0), &mut guard);
        let ended = Ended::Exited(0);
        guard.end(Time::default(), &crate::guard::End { ended, verdict });
        let out = String::from_utf8_lossy(&guard.out).into_owned();
        let last = out.lines().last().unwrap_or_default();
        assert!(
            last.contains(r#""usage":{"input_tokens":9000,"output_tokens":60},"cost_usd":0.04"#),
            "{last}"
        );
        assert!(out.contains(r#""runtime":"aider""#) && out.contains("Hi."));
    }
}
