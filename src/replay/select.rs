//! Selection of events: range and filters. Pure.

use std::time::Duration;

use crate::codec::Fields;
use crate::event::{Event, Type};
use crate::text::glob::glob;
use crate::time::Time;

/// Selection criteria; by default everything.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// One stream, and events without a stream.
    pub stream: Option<String>,
    pub turn: Option<u64>,
    pub only: Option<Types>,
    pub from: From,
    /// End of the range; the first later event ends reading.
    pub until: Option<Moment>,
}

impl Options {
    pub fn is_all(&self) -> bool {
        self.from == From::Start && self.until.is_none() && self.keeps_all()
    }

    fn keeps_all(&self) -> bool {
        self.stream.is_none() && self.turn.is_none() && self.only.is_none()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum From {
    #[default]
    Start,
    /// The turn that contains the event of this number, in the selected or the first stream.
    Seq(u64),
    /// The first event at or after this moment.
    Since(Moment),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    At(Time),
    After(Duration),
}

impl Moment {
    /// Resolves the moment against the first event's time.
    pub fn time(self, first: Time) -> Time {
        match self {
            Moment::At(time) => time,
            Moment::After(duration) => first + duration,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types {
    patterns: Vec<String>,
    /// Matches of the known types, in the order of [`Type::NAMES`].
    known: [bool; Type::NAMES.len()],
}

impl Types {
    /// Parses comma-separated patterns; `None` if one cannot match any name.
    pub fn parse(list: &str) -> Option<Self> {
        let patterns: Vec<String> = list.split(',').map(|p| p.trim().to_owned()).collect();
        let name = |c: char| c.is_ascii_alphanumeric() || "_-.*?".contains(c);
        if patterns.iter().any(|p| p.is_empty() || !p.chars().all(name)) {
            return None;
        }
        let known = Type::NAMES.map(|(_, name)| any(&patterns, name));
        Some(Self { patterns, known })
    }

    fn is_known(pattern: &str) -> bool {
        Type::NAMES.iter().any(|(_, name)| glob(pattern.as_bytes(), name.as_bytes()))
    }

    /// True if a pattern matches; records in `met` the patterns that matched an unknown type.
    fn matches(&self, event: &Event<'_>, met: &mut Vec<bool>) -> bool {
        if event.kind != Type::Other {
            let place = Type::NAMES.iter().position(|(kind, _)| *kind == event.kind);
            return place.is_some_and(|n| self.known.get(n).copied().unwrap_or_default());
        }
        let Some(name) = other_name(event.line).filter(|name| any(&self.patterns, name)) else {
            return false;
        };
        met.resize(self.patterns.len(), false);
        for (met, pattern) in met.iter_mut().zip(&self.patterns) {
            *met |= glob(pattern.as_bytes(), name.as_bytes());
        }
        true
    }
}

fn any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| glob(pattern.as_bytes(), name.as_bytes()))
}

fn other_name(line: &str) -> Option<String> {
    Some(Fields::parse(line).ok()?.text("type")?.into_owned())
}

/// Position of an event relative to the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectPlace {
    Before,
    /// Perhaps before it: the event may belong to the turn with which the range begins.
    Perhaps {
        /// True if a new turn begins: an earlier kept one is dropped.
        anew: bool,
    },
    /// Start of the range, including the kept turn if `kept`.
    Begins {
        kept: bool,
    },
    Within,
    Behind,
}

#[derive(Debug, Default)]
pub struct Select {
    options: Options,
    pub begun: bool,
    /// Time of the first event.
    pub first: Option<Time>,
    /// Stream of [`From::Seq`].
    counted: Option<String>,
    turn: Option<u64>,
    met: Met,
}

#[derive(Debug, Default)]
struct Met {
    /// First streams, to report a mistyped one.
    streams: Vec<String>,
    stream: bool,
    turn: bool,
    types: Vec<bool>,
}

const LISTED: usize = 5;

impl Select {
    pub fn new(options: Options) -> Self {
        Self {
            begun: options.from == From::Start,
            counted: options.stream.clone(),
            options,
            ..Self::default()
        }
    }

    pub fn undecided(&self) -> bool {
        !self.begun && self.turn.is_some()
    }

    /// Drops the kept turn: the range begins with the number itself.
    pub fn forget_turn(&mut self) {
        self.turn = None;
    }

    /// Classifies the next event. Called for every event, in order.
    pub fn place(&mut self, event: &Event<'_>) -> SelectPlace {
        if self.begun && self.options.until.is_none() {
            return SelectPlace::Within;
        }
        let time = event.time();
        self.first = self.first.or(time);
        let behind = |until: &Moment| {
            let (Some(first), Some(time)) = (self.first, time) else { return false };
            time > until.time(first)
        };
        if self.options.until.as_ref().is_some_and(behind) {
            return SelectPlace::Behind;
        }
        if self.begun {
            return SelectPlace::Within;
        }
        let place = match self.options.from {
            From::Start => SelectPlace::Within,
            From::Since(moment) => match (self.first, time) {
                (Some(first), Some(time)) if time >= moment.time(first) => {
                    SelectPlace::Begins { kept: false }
                }
                _ => SelectPlace::Before,
            },
            From::Seq(wanted) => self.by_number(wanted, event),
        };
        self.begun |= matches!(place, SelectPlace::Begins { .. } | SelectPlace::Within);
        place
    }

    fn by_number(&mut self, wanted: u64, event: &Event<'_>) -> SelectPlace {
        let (Some(stream), Some(seq)) = (event.stream.as_deref(), event.seq) else {
            return self.same_as_neighbours();
        };
        if self.counted.get_or_insert_with(|| stream.to_owned()) != stream {
            return self.same_as_neighbours();
        }
        if seq >= wanted {
            let kept = self.turn.is_some() && self.turn == event.turn;
            return SelectPlace::Begins { kept };
        }
        if event.turn.is_some() && event.turn == self.turn {
            return SelectPlace::Perhaps { anew: false };
        }
        self.turn = event.turn;
        if self.turn.is_some() { SelectPlace::Perhaps { anew: true } } else { SelectPlace::Before }
    }

    /// Events of other streams share the position of their neighbours.
    fn same_as_neighbours(&self) -> SelectPlace {
        if self.turn.is_some() { SelectPlace::Perhaps { anew: false } } else { SelectPlace::Before }
    }

    /// True if an event of the range is selected. Events without a stream belong to every stream and turn.
    pub fn keeps(&mut self, event: &Event<'_>) -> bool {
        let Self { options, met, .. } = self;
        if options.keeps_all() {
            return true;
        }
        if let Some(stream) = event.stream.as_deref() {
            if let Some(wanted) = &options.stream
                && !met.stream
            {
                met.stream = wanted == stream;
                if met.streams.len() <= LISTED && met.streams.iter().all(|known| known != stream) {
                    met.streams.push(stream.to_owned());
                }
            }
            if options.stream.as_deref().is_some_and(|wanted| wanted != stream) {
                return false;
            }
            if options.turn.is_some_and(|wanted| event.turn != Some(wanted)) {
                return false;
            }
            met.turn = true;
        }
        options.only.as_ref().is_none_or(|only| only.matches(event, &mut met.types))
    }

    /// Messages about criteria without a match.
    pub fn missing(&self) -> Vec<String> {
        let Self { options, met, .. } = self;
        if !self.begun {
            return vec!["nothing is recorded at or after that place".to_owned()];
        }
        let mut missing = Vec::new();
        if let Some(stream) = options.stream.as_ref().filter(|_| !met.stream) {
            let there = match met.streams.as_slice() {
                [] => "there is none".to_owned(),
                all if all.len() > LISTED => format!("there are {}, ...", all[..LISTED].join(", ")),
                all => format!("there are {}", all.join(", ")),
            };
            missing.push(format!("--stream {stream:?} is not in what was played: {there}"));
        } else if let Some(turn) = options.turn.filter(|_| !met.turn) {
            missing.push(format!("--turn {turn} is not in what was played"));
        }
        for (n, pattern) in options.only.iter().flat_map(|only| only.patterns.iter().enumerate()) {
            if !met.types.get(n).copied().unwrap_or_default() && !Types::is_known(pattern) {
                let names: Vec<_> = Type::NAMES.iter().map(|(_, name)| *name).collect();
                missing.push(format!(
                    "--only {pattern} matches no event of what was played: types are {}",
                    names.join(", ")
                ));
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests;
