//! Virtual time: a number that comes from the wall or from the events' own `ts`. Nothing here looks at a clock.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;

/// Microseconds since the Unix epoch (1970-01-01T00:00:00Z); never negative.
///
/// Finer than the milliseconds of `ts`, so that a deadline is not rounded away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

/// The last instant that `ts` can write: 9999-12-31T23:59:59.999Z, in microseconds.
const MAX_MICROS: u64 = 253_402_300_799_999_000;

impl Time {
    /// The earliest time, 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The time `micros` microseconds after the epoch, capped at the end of the year 9999.
    pub fn from_micros(micros: u64) -> Self {
        Self(micros.min(MAX_MICROS))
    }

    /// The time `millis` milliseconds after the epoch, capped at the end of the year 9999.
    pub fn from_millis(millis: u64) -> Self {
        Self::from_micros(millis.saturating_mul(1000))
    }

    pub fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch, as `ts` shows them.
    pub fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// Parses an RFC 3339 date and time; `None` for anything else or for a time before the epoch.
    pub fn parse(ts: &str) -> Option<Self> {
        parse_canonical(ts.as_bytes()).or_else(|| {
            let parsed: Timestamp = ts.parse().ok()?;
            u64::try_from(parsed.as_microsecond()).ok().map(Self::from_micros)
        })
    }

    /// Time since `earlier`; zero if that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        // Not `as_micros`: 128-bit arithmetic, and deadlines are computed for every event.
        let micros =
            rhs.as_secs().saturating_mul(1_000_000).saturating_add(rhs.subsec_micros().into());
        Self::from_micros(self.0.saturating_add(micros))
    }
}

/// RFC 3339 in UTC with exactly three decimals, as `ts` is written.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.as_millis()).unwrap_or(i64::MAX);
        match Timestamp::from_millisecond(millis) {
            Ok(ts) => write!(f, "{ts:.3}"),
            Err(_) => f.write_str("1970-01-01T00:00:00.000Z"),
        }
    }
}

/// The one form that spile itself writes, `YYYY-MM-DDTHH:MM:SS.mmmZ`, without a general parser: with an event clock
/// every line's `ts` is read.
fn parse_canonical(b: &[u8]) -> Option<Time> {
    let digits = |from: usize, len: usize| {
        b.get(from..from + len)?
            .iter()
            .try_fold(0, |n, c| c.is_ascii_digit().then(|| n * 10 + i16::from(c - b'0')))
    };
    let small = |from: usize| i8::try_from(digits(from, 2)?).ok();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    if b.len() != 24 || marks.iter().any(|&(at, c)| b[at] != c) {
        return None;
    }
    let nanos = i32::from(digits(20, 3)?) * 1_000_000;
    let (hour, minute, second) = (small(11)?, small(14)?, small(17)?);
    let time = DateTime::new(digits(0, 4)?, small(5)?, small(8)?, hour, minute, second, nanos);
    let since = time.ok()?.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    u64::try_from(since.as_millis()).ok().map(Time::from_millis)
}

/// A duration: `250ms`, `10s`, `5m`, `1h30m`, `1.5s`; a bare number is seconds.
/// The error names what to write instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    seconds(text)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write a duration like 250ms, 10s, 5m or 1h30m".to_owned())
}

fn seconds(text: &str) -> Option<f64> {
    // `parse` would take a sign and an exponent.
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let decimal = |text: &str| -> Option<f64> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        (digits(whole) && digits(fraction)).then(|| text.parse().ok()).flatten()
    };
    if let Some(bare) = decimal(text) {
        return Some(bare);
    }
    let (mut sum, mut rest) = (0.0, text);
    loop {
        let (number, behind) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let units = [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let (unit, factor) = units.into_iter().find(|(unit, _)| behind.starts_with(unit))?;
        sum += decimal(number)? * factor;
        rest = &behind[unit.len()..];
        if rest.is_empty() {
            return Some(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("2m250ms"), Ok(Duration::from_millis(120_250)));
        for wrong in ["10 s", "soon", "", "s", "5m30", "1.s", ".5s", "1e3", "+1s", "-1", "1S", "1d"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn writes_milliseconds_in_utc() {
        assert_eq!(Time::from_millis(1_700_000_000_007).to_string(), "2023-11-14T22:13:20.007Z");
        assert_eq!(Time::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn reads_any_rfc_3339() {
        let want = Some(Time::from_millis(1_700_000_000_000));
        assert_eq!(Time::parse("2023-11-14T22:13:20Z"), want);
        assert_eq!(Time::parse("2023-11-14T23:13:20.000+01:00"), want);
        assert_eq!(Time::parse("yesterday"), None);
        assert_eq!(Time::parse("2023-02-29T00:00:00.000Z"), None);
        assert_eq!(Time::parse("1969-12-31T23:59:59.000Z"), None);
        let last = Some(Time::from_micros(MAX_MICROS));
        assert_eq!(Time::parse("9999-12-31T23:59:59.999Z"), last);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0..MAX_MICROS / 1000) {
            let time = Time::from_millis(millis);
            let text = time.to_string();
            prop_assert_eq!(parse_canonical(text.as_bytes()), Some(time));
            prop_assert_eq!(text.parse::<Timestamp>().unwrap().as_millisecond(), i64::try_from(millis).unwrap());
        }
    }
}
