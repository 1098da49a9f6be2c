//! Styles, and the choice whether to use them. Colour never carries a meaning that words do not carry too.

use std::ffi::OsString;
use std::fmt::Write;

use owo_colors::{AnsiColors, Style};

use crate::named::Named;

/// The choice of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourFlag {
    #[default]
    Auto,
    Always,
    Never,
}

impl Named for ColourFlag {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("auto", "If the output is a terminal and the environment does not object", Self::Auto),
        ("always", "Always", Self::Always),
        ("never", "Never", Self::Never),
    ];
}

/// Output and environment, as far as they decide about colours.
#[derive(Debug, Clone, Default)]
pub struct Colours {
    pub terminal: bool,
    /// `NO_COLOR` (no-color.org): none, if set and not empty.
    pub no_color: Option<OsString>,
    /// `CLICOLOR_FORCE` (bixense.com/clicolors): always, if set and neither empty nor `0`.
    pub clicolor_force: Option<OsString>,
    /// `CLICOLOR` (bixense.com/clicolors): `0` is none.
    pub clicolor: Option<OsString>,
    /// `TERM`: a `dumb` terminal has none.
    pub term: Option<OsString>,
}

impl Colours {
    /// True for colours: the flag decides, then the variables, then whether the output is a terminal.
    pub fn choose(&self, flag: ColourFlag) -> bool {
        let set = |value: &Option<OsString>| value.as_ref().is_some_and(|v| !v.is_empty());
        let is = |value: &Option<OsString>, word: &str| value.as_ref().is_some_and(|v| v == word);
        match flag {
            ColourFlag::Always => true,
            ColourFlag::Never => false,
            ColourFlag::Auto if set(&self.no_color) => false,
            ColourFlag::Auto if set(&self.clicolor_force) && !is(&self.clicolor_force, "0") => true,
            ColourFlag::Auto if is(&self.clicolor, "0") || is(&self.term, "dumb") => false,
            ColourFlag::Auto => self.terminal,
        }
    }
}

/// Look of a piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    #[default]
    Plain,
    /// Of little importance.
    Dim,
    Name,
    /// Completed, or running.
    Good,
    Warn,
    Bad,
    /// A file that is changed.
    File,
    /// A mark before a line.
    Mark,
    /// The label of a stream, with the index of its colour.
    Label(u8),
}

/// Colours of labels: neither black, white nor one of the meanings above.
const LABELS: [AnsiColors; 8] = [
    AnsiColors::Cyan,
    AnsiColors::Magenta,
    AnsiColors::Blue,
    AnsiColors::BrightCyan,
    AnsiColors::BrightMagenta,
    AnsiColors::BrightBlue,
    AnsiColors::BrightGreen,
    AnsiColors::BrightYellow,
];

impl Look {
    /// Look of a label, with the same colour on every run.
    pub fn of_label(label: &str) -> Self {
        // FNV-1a.
        let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        Look::Label(((hash ^ hash >> 32) % LABELS.len() as u64) as u8)
    }

    fn style(self) -> Style {
        let style = Style::new();
        match self {
            Look::Plain => style,
            Look::Dim => style.dimmed(),
            Look::Name => style.bold(),
            Look::Good => style.bold().green(),
            Look::Warn => style.yellow(),
            Look::Bad => style.bold().red(),
            Look::File => style.bold().yellow(),
            Look::Mark => style.cyan(),
            Look::Label(n) => style.bold().color(LABELS[usize::from(n) % LABELS.len()]),
        }
    }
}

/// Writer of text into a line, with its look or without.
#[derive(Debug, Clone, Copy, Default)]
pub struct Paint {
    pub colour: bool,
}

impl Paint {
    /// True if text of this look is written without styles.
    pub fn is_bare(self, look: Look) -> bool {
        !self.colour || look == Look::Plain
    }

    /// Adds `text`, which must be clean and without line feeds, to `out`.
    pub fn put(self, look: Look, text: &str, out: &mut String) {
        if self.is_bare(look) || text.is_empty() {
            out.push_str(text);
        } else {
            let _ = write!(out, "{}", look.style().style(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_comes_first_then_the_environment() {
        use ColourFlag::{Always, Auto, Never};
        let (on, off, empty) = (Some("1"), Some("0"), Some(""));
        for (flag, no_color, force, terminal, want) in [
            (Always, on, None, false, true),
            (Never, None, on, true, false),
            (Auto, None, None, true, true),
            (Auto, None, None, false, false),
            (Auto, on, on, true, false),
            (Auto, off, None, true, false),
            (Auto, empty, on, false, true),
            (Auto, None, off, false, false),
            (Auto, None, empty, false, false),
            (Auto, None, off, true, true),
        ] {
            let colours = Colours {
                terminal,
                no_color: no_color.map(Into::into),
                clicolor_force: force.map(Into::into),
                ..Colours::default()
            };
            assert_eq!(colours.choose(flag), want, "{flag:?} {colours:?}");
        }
    }

    #[test]
    fn a_dumb_terminal_and_clicolor_0_have_no_colours() {
        let terminal = Colours { terminal: true, ..Colours::default() };
        let dumb = Colours { term: Some("dumb".into()), ..terminal.clone() };
        let zero = Colours { clicolor: Some("0".into()), ..terminal.clone() };
        for colours in [dumb, zero] {
            assert!(!colours.choose(ColourFlag::Auto));
            let file = Colours { terminal: false, ..colours };
            assert!(file.choose(ColourFlag::Always));
            let forced = Colours { clicolor_force: Some("1".into()), ..file };
            assert!(forced.choose(ColourFlag::Auto));
        }
        let (clicolor, term) = (Some("1".into()), Some("xterm".into()));
        let usual = Colours { clicolor, term, ..terminal };
        assert!(usual.choose(ColourFlag::Auto));
        assert!(!Colours { terminal: false, ..usual }.choose(ColourFlag::Auto));
    }

    #[test]
    fn styles_only_where_there_is_colour() {
        let put = |colour, look| {
            let mut out = String::new();
            Paint { colour }.put(look, "x", &mut out);
            out
        };
        assert_eq!(put(false, Look::Bad), "x");
        assert_eq!(put(true, Look::Plain), "x");
        assert_eq!(put(true, Look::Dim), "\x1b[2mx\x1b[0m");
    }

    #[test]
    fn a_label_keeps_its_colour() {
        assert_eq!(Look::of_label("a"), Look::of_label("a"));
        assert!(
            (b'a'..=b'z')
                .any(|c| Look::of_label(&char::from(c).to_string()) != Look::of_label("a"))
        );
    }
}
