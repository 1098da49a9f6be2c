//! The few styles that spile uses, and whether to use them at all. Colour never carries what words do not say too.

use std::ffi::OsString;
use std::fmt::Write;

use owo_colors::{AnsiColors, Style};

/// What `--color` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColourFlag {
    /// If the output is a terminal and the environment does not object.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The variables by which a user asks for colours, or for none.
#[derive(Debug, Clone, Default)]
pub struct Colours {
    /// `NO_COLOR` (no-color.org): none, if set and not empty.
    pub no_color: Option<OsString>,
    /// `CLICOLOR_FORCE` (bixense.com/clicolors): always, if set and neither empty nor `0`.
    pub clicolor_force: Option<OsString>,
    /// `CLICOLOR` (bixense.com/clicolors): `0` is none.
    pub clicolor: Option<OsString>,
    /// `TERM`: a `dumb` terminal has none.
    pub term: Option<OsString>,
}

/// Whether to colour: the flag first, then the variables, at last whether the output is a terminal.
#[must_use]
pub fn colour_choice(flag: ColourFlag, said: &Colours, is_tty: bool) -> bool {
    let set = |value: &Option<OsString>| value.as_ref().is_some_and(|v| !v.is_empty());
    let is = |value: &Option<OsString>, word: &str| value.as_ref().is_some_and(|v| v == word);
    match flag {
        ColourFlag::Always => true,
        ColourFlag::Never => false,
        ColourFlag::Auto if set(&said.no_color) => false,
        ColourFlag::Auto if set(&said.clicolor_force) && !is(&said.clicolor_force, "0") => true,
        ColourFlag::Auto if is(&said.clicolor, "0") || is(&said.term, "dumb") => false,
        ColourFlag::Auto => is_tty,
    }
}

/// How a piece of a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As the terminal has it.
    Plain,
    /// Said in passing.
    Dim,
    /// A name.
    Name,
    /// All is well, or runs.
    Good,
    /// Worth a look.
    Warn,
    /// Went wrong.
    Bad,
    /// A file that is changed.
    File,
    /// A mark before a line.
    Mark,
    /// The label of a stream, in one of its colours.
    Label(u8),
}

/// The colours of labels: those that are neither black, white nor one of the meanings above.
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
    /// The look of a label: the same label has the same colour on every run.
    #[must_use]
    pub fn of_label(label: &str) -> Self {
        let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        Look::Label(u8::try_from((hash ^ hash >> 32) % LABELS.len() as u64).unwrap_or(0))
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
            Look::Label(n) => {
                style.bold().color(LABELS.get(usize::from(n)).copied().unwrap_or(AnsiColors::Cyan))
            }
        }
    }
}

/// Puts text into a line, with its look or without.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    colour: bool,
}

impl Paint {
    /// A painter that uses colour, or none.
    #[must_use]
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// True if this look is that of the bare text.
    #[must_use]
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
        let (on, off, empty) = (Some("1"), Some("0"), Some(""));
        let said = |no: Option<&str>, force: Option<&str>| Colours {
            no_color: no.map(Into::into),
            clicolor_force: force.map(Into::into),
            ..Colours::default()
        };
        let auto = |no, force, tty| colour_choice(ColourFlag::Auto, &said(no, force), tty);
        assert!(colour_choice(ColourFlag::Always, &said(on, None), false));
        assert!(!colour_choice(ColourFlag::Never, &said(None, on), true));
        assert!(auto(None, None, true));
        assert!(!auto(None, None, false));
        assert!(!auto(on, on, true));
        assert!(!auto(off, None, true));
        assert!(auto(empty, on, false));
        assert!(!auto(None, off, false));
        assert!(!auto(None, empty, false));
        assert!(auto(None, off, true));
    }

    #[test]
    fn a_dumb_terminal_and_clicolor_0_have_no_colours() {
        let dumb = Colours { term: Some("dumb".into()), ..Colours::default() };
        let zero = Colours { clicolor: Some("0".into()), ..Colours::default() };
        for said in [dumb, zero] {
            assert!(!colour_choice(ColourFlag::Auto, &said, true));
            assert!(colour_choice(ColourFlag::Always, &said, false));
            let forced = Colours { clicolor_force: Some("1".into()), ..said };
            assert!(colour_choice(ColourFlag::Auto, &forced, false));
        }
        let usual = Colours {
            clicolor: Some("1".into()),
            term: Some("xterm".into()),
            ..Colours::default()
        };
        assert!(colour_choice(ColourFlag::Auto, &usual, true));
        assert!(!colour_choice(ColourFlag::Auto, &usual, false));
    }

    #[test]
    fn styles_only_where_there_is_colour() {
        let put = |colour, look| {
            let mut out = String::new();
            Paint::new(colour).put(look, "x", &mut out);
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
