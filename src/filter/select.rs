//! Which events of a recording are wanted: where it begins, where it ends, and what of that range is kept. No clock, no IO.

use std::time::Duration;

use crate::codec::Fields;
use crate::event::{Event, Type};
use crate::time::Time;

/// What is asked for. Everything, unless it is said.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only this stream, and what belongs to none.
    pub stream: Option<String>,
    /// Only this turn of any stream.
    pub turn: Option<u64>,
    /// Only these types.
    pub only: Option<Types>,
    /// Where it begins.
    pub from: From,
    /// The last moment; what comes after the first event behind it is not read.
    pub until: Option<Moment>,
}

impl Options {
    /// True if everything is wanted.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.from == From::Start && self.until.is_none() && self.keeps_all()
    }

    fn keeps_all(&self) -> bool {
        self.stream.is_none() && self.turn.is_none() && self.only.is_none()
    }
}

/// Where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum From {
    /// With the first event.
    #[default]
    Start,
    /// With the turn that holds the event of this number, in the wanted stream or the first one there is.
    Seq(u64),
    /// With the first event at or after this moment.
    Since(Moment),
}

/// A moment of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// By the events' `ts`.
    At(Time),
    /// So long after the first event's `ts`.
    After(Duration),
}

impl Moment {
    /// The moment as a time, given that of the first event.
    #[must_use]
    pub fn time(self, first: Time) -> Time {
        match self {
            Moment::At(time) => time,
            Moment::After(duration) => first + duration,
        }
    }
}

/// Patterns of event types: `*` stands for any characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types {
    patterns: Vec<String>,
    /// True if each of the nine matches, in the order of [`Type::NAMES`].
    known: [bool; Type::NAMES.len()],
}

impl Types {
    /// Patterns separated by commas; `None` if one of them can be no type's name.
    #[must_use]
    pub fn parse(list: &str) -> Option<Self> {
        let patterns: Vec<String> = list.split(',').map(|p| p.trim().to_owned()).collect();
        let name = |c: char| c.is_ascii_alphanumeric() || "_-.*?".contains(c);
        if patterns.iter().any(|p| p.is_empty() || !p.chars().all(name)) {
            return None;
        }
        let known = Type::NAMES.map(|(_, name)| any(&patterns, name));
        Some(Self { patterns, known })
    }

    /// True if a pattern matches a type of this version.
    fn is_known(pattern: &str) -> bool {
        Type::NAMES.iter().any(|(_, name)| glob(pattern.as_bytes(), name.as_bytes()))
    }

    /// As [`Types::matches`]; notes which patterns have matched, as far as they match no type of this version.
    fn meets(&self, event: &Event<'_>, met: &mut Vec<bool>) -> bool {
        let matches = self.matches(event);
        if matches && event.kind == Type::Other {
            met.resize(self.patterns.len(), false);
            if let Some(name) = other_name(event.line) {
                for (met, pattern) in met.iter_mut().zip(&self.patterns) {
                    *met |= glob(pattern.as_bytes(), name.as_bytes());
                }
            }
        }
        matches
    }

    /// True if the event's type matches one of them.
    #[must_use]
    pub fn matches(&self, event: &Event<'_>) -> bool {
        if event.kind == Type::Other {
            return other_name(event.line).is_some_and(|name| any(&self.patterns, &name));
        }
        let place = Type::NAMES.iter().position(|(kind, _)| *kind == event.kind);
        place.is_some_and(|n| self.known.get(n).copied().unwrap_or_default())
    }
}

fn any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| glob(pattern.as_bytes(), name.as_bytes()))
}

/// The name of a type that this version does not know.
fn other_name(line: &str) -> Option<String> {
    Some(Fields::parse(line).ok()?.text("type")?.into_owned())
}

/// True if a name matches a pattern. It goes back to the last `*` alone, so its time is the product of both lengths.
pub(crate) fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || name.get(n) == Some(c) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == b'*')
}

/// Where an event lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectPlace {
    /// In front of what is wanted.
    Before,
    /// In front of it as far as can be told; it may turn out to belong to the turn with which it begins.
    Perhaps {
        /// True if a turn begins with it: what has been kept for an earlier one is not wanted.
        anew: bool,
    },
    /// It is what decides: what was kept as [`SelectPlace::Perhaps`] is wanted if `kept`.
    Begins {
        /// True if it is in the turn for which something was kept.
        kept: bool,
    },
    /// In it.
    Within,
    /// Behind it: nothing that follows is wanted.
    Behind,
}

/// Goes through a recording.
#[derive(Debug)]
pub struct Select {
    options: Options,
    begun: bool,
    first: Option<Time>,
    /// The stream whose numbers count.
    counted: Option<String>,
    /// The turn that may be the one.
    turn: Option<u64>,
    met: Met,
}

/// What has come of what was asked for by name.
#[derive(Debug, Default)]
struct Met {
    /// The first streams there are, for whoever mistyped one.
    streams: Vec<String>,
    stream: bool,
    turn: bool,
    /// By the place of the pattern.
    types: Vec<bool>,
}

/// How many streams are listed where the wanted one is missing.
const LISTED: usize = 5;

impl Select {
    /// Goes through a recording from its beginning.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            begun: options.from == From::Start,
            counted: options.stream.clone(),
            options,
            first: None,
            turn: None,
            met: Met::default(),
        }
    }

    /// What is asked for.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// True if what comes next is wanted, as far as its place goes.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// True if something is kept because it may be wanted.
    #[must_use]
    pub fn undecided(&self) -> bool {
        !self.begun && self.turn.is_some()
    }

    /// The reader has gone straight to the beginning of what is wanted, or, if not yet `begun`, to a place not far in front
    /// of it. `first` is the time of the first event of all.
    pub fn jump(&mut self, begun: Jump, first: Option<Time>) {
        self.begun |= begun == Jump::There;
        self.first = self.first.or(first);
    }

    /// What has been kept was too much to keep: it begins with the number itself.
    pub fn forget_turn(&mut self) {
        self.turn = None;
    }

    /// Where the next event lies. Every event of the recording must be asked about, in order.
    pub fn place(&mut self, event: &Event<'_>) -> SelectPlace {
        if self.begun && self.options.until.is_none() {
            return SelectPlace::Within;
        }
        let time = event.time();
        self.first = self.first.or(time);
        let behind = |until: &Moment| {
            let (Some(first), Some(time)) = (self.first, time) else {
                return false;
            };
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
            return self.bystander();
        };
        if self.counted.get_or_insert_with(|| stream.to_owned()) != stream {
            return self.bystander();
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

    /// What does not count lies where its neighbours lie.
    fn bystander(&self) -> SelectPlace {
        if self.turn.is_some() { SelectPlace::Perhaps { anew: false } } else { SelectPlace::Before }
    }

    /// True if an event of the range is wanted. What belongs to no stream belongs to every stream and turn.
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
        options.only.as_ref().is_none_or(|only| only.meets(event, &mut met.types))
    }

    /// What was asked for and did not come, for a person.
    #[must_use]
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
                    "--only {pattern} fits no event of what was played: types are {}",
                    names.join(", ")
                ));
            }
        }
        missing
    }
}

/// How far a jump went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// To a place in front of what is wanted.
    Near,
    /// To its beginning.
    There,
}

#[cfg(test)]
mod tests;
