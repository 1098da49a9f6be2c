//! Aider: `aider --message PROMPT --yes --no-pretty --no-fancy-input`. It has no machine format, so everything that it
//! prints is answer text and the way it ends decides; the line that counts the tokens of each reply is read beside that.

use super::prelude::*;
use super::text::PlainText;
use crate::codec::{Lines, Piece};

pub(super) const SPEC: Spec = Spec {
    name: "aider",
    versions: "screen captures",
    about: "Aider, its plain output",
    usage: "aider --yes --no-pretty --message PROMPT",
    commands: &["aider"],
    // It prints text whatever its arguments.
    flags: &[""],
    new: |_| {
        let (text, spent) = (PlainText::default(), UsageAndCost::default());
        Box::new(Aider { text, lines: Lines::new(FOOTER), spent })
    },
    ..Spec::BYTES
};

/// Longest line that is read for its counts, in bytes.
const FOOTER: usize = 4096;

struct Aider {
    text: PlainText,
    lines: Lines,
    spent: UsageAndCost,
}

impl Runtime for Aider {
    fn on_bytes(&mut self, place: Place<'_>, emit: &mut Emit<'_>) {
        self.text.on_bytes(place, emit);
        self.lines.feed(place.bytes, |piece| footer(piece, &mut self.spent, emit));
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        self.lines.end(|piece| footer(piece, &mut self.spent, emit));
        self.text.on_end(tail, emit)
    }
}

/// `Tokens: 8.6k sent, 59 received. Cost: $0.03 message, $0.06 session.`: the tokens of a message and the cost of the run.
fn footer(piece: Piece<'_>, spent: &mut UsageAndCost, emit: &mut Emit<'_>) {
    let Piece::Line { bytes, .. } = piece else { return };
    let line = std::str::from_utf8(bytes).unwrap_or_default();
    let Some(counts) = line.trim_start().strip_prefix("Tokens: ") else { return };
    let (tokens, cost) = counts.split_once("Cost: ").unwrap_or((counts, ""));
    let mut usage = Usage::default();
    for part in tokens.split(',') {
        let (number, what) = part.trim().trim_end_matches('.').split_once(' ').unwrap_or_default();
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
    emit.report_spent(spent);
}

/// A count such as `597`, `8.6k` or `1.2M`, as exact as it is written.
fn rounded(number: &str) -> Option<u64> {
    let unit = match number.as_bytes().last() {
        Some(b'k') => 1e3,
        Some(b'M') => 1e6,
        _ => 1.0,
    };
    let digits = number.strip_suffix(['k', 'M']).unwrap_or(number).replace(',', "");
    Some((digits.parse::<f64>().ok()? * unit).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_footer_counts_tokens_and_cost() {
        let text = "Hi.\nTokens: 8.6k sent, 59 received. Cost: $0.03 message, $0.03 session.\n\
                    Yes.\nTokens: 400 sent, 1 received. Cost: $0.01 message, $0.04 session.";
        let slices: Vec<&[u8]> = text.as_bytes().chunks(7).collect();
        let out = crate::adapter::emitted(&SPEC, &slices);
        let last = out.lines().last().unwrap_or_default();
        assert!(
            last.contains(r#""usage":{"input_tokens":9000,"output_tokens":60},"cost_usd":0.04"#),
            "{last}"
        );
        assert!(out.contains(r#""runtime":"aider""#) && out.contains("Hi."));
    }
}
