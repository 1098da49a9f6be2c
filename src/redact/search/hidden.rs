//! The mode that hides everything behind a marker (the first line of a private key) until an end marker or a limit.
//! The mode never outlives its limit of bytes.

use super::secrets::RuleId;

/// Longest text that one marker hides, in bytes.
pub const MOST_BYTES: u32 = 64 * 1024;

/// The markers whose end has not come.
#[derive(Debug, Default, Clone)]
pub struct Hidden {
    markers: Vec<Marker>,
}

#[derive(Debug, Clone)]
struct Marker {
    rule: RuleId,
    start: u64,
    ending: u32,
    lines: u32,
    bytes: u32,
}

impl Hidden {
    pub fn is_active(&self) -> bool {
        !self.markers.is_empty()
    }

    pub fn count(&self) -> usize {
        self.markers.len()
    }

    pub fn hides(&self, rule: RuleId) -> bool {
        self.markers.iter().any(|marker| marker.rule == rule)
    }

    /// The mode at the beginning of the next text.
    pub fn in_next_text(&self) -> Self {
        let markers = self.markers.iter().map(|marker| Marker { start: 0, ..marker.clone() });
        Self { markers: markers.collect() }
    }

    /// Hides what follows. A repeated marker begins its limits anew.
    pub fn open(&mut self, rule: RuleId, start: u64, lines: u32, ending: u32) {
        let start =
            self.markers.iter().find(|m| m.rule == rule).map_or(start, |m| m.start.min(start));
        self.close(rule);
        if lines > 0 {
            self.markers.push(Marker { rule, start, ending, lines, bytes: MOST_BYTES });
        }
    }

    /// Ends what the rule's marker began.
    pub fn close(&mut self, rule: RuleId) {
        self.markers.retain(|marker| marker.rule != rule);
    }

    /// Expressions of the end markers that may come.
    pub fn endings(&self) -> impl Iterator<Item = u32> {
        self.markers.iter().map(|marker| marker.ending)
    }

    /// Counts a byte. Returns the rule that hides it, and where that rule's marker starts. A line feed and an escaped one
    /// (`\n` in two characters) end a line.
    pub fn byte(&mut self, before: Option<u8>, byte: u8) -> Option<(u64, RuleId)> {
        let first = self.markers.iter().min_by_key(|marker| marker.start)?;
        let hides = (first.start, first.rule);
        let is_line_end = byte == b'\n' || byte == b'n' && before == Some(b'\\');
        for marker in &mut self.markers {
            marker.bytes -= 1;
            marker.lines -= u32::from(is_line_end);
        }
        self.markers.retain(|marker| marker.bytes > 0 && marker.lines > 0);
        Some(hides)
    }
}
