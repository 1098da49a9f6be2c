//! Choice of a driven agent's input, by its adapter and command line.

use super::claude;

/// How a driven agent is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// By the protocol of the runtime.
    Protocol(Name),
    /// At its terminal.
    Terminal,
    /// Not at all but for a prompt on stdin.
    Prompt,
}

/// Protocols by the adapters that read the other direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Claude,
    Acp,
    Codex,
}

impl Input {
    /// Input of an agent, by its adapter and command line; a terminal is said by the caller.
    pub(crate) fn of(adapter: &str, argv: &[String]) -> Self {
        let has = |word: &str| argv.iter().skip(1).any(|arg| arg.trim_start_matches('-') == word);
        let speaks_acp = has("acp") || has("experimental-acp");
        let program = argv.first().map_or("", String::as_str);
        let is_acp = adapter == "acp" || speaks_acp || program.ends_with("-acp");
        match adapter {
            "claude" => Self::Protocol(Name::Claude),
            "codex" if has("app-server") => Self::Protocol(Name::Codex),
            _ if is_acp => Self::Protocol(Name::Acp),
            _ => Self::Prompt,
        }
    }

    /// True if the protocol can continue a session.
    pub(crate) fn continues_sessions(self) -> bool {
        matches!(self, Self::Protocol(Name::Acp | Name::Codex))
    }

    /// True if the protocol has questions for permission.
    pub(crate) fn asks(self) -> bool {
        matches!(self, Self::Protocol(_))
    }

    /// Options that the protocol needs and the command line lacks.
    pub(crate) fn arguments(self, argv: &[String]) -> Vec<String> {
        let Self::Protocol(Name::Claude) = self else { return Vec::new() };
        let is = |arg: &String, option: &str| {
            arg == option
                || arg.strip_prefix(option).is_some_and(|rest| rest.starts_with('='))
                || option == "-p" && arg == "--print"
        };
        let missing = claude::OPTIONS.iter();
        let missing = missing.filter(|(option, _)| !argv.iter().any(|arg| is(arg, option)));
        missing
            .flat_map(|(option, value)| [Some(*option), *value])
            .flatten()
            .map(str::to_owned)
            .collect()
    }
}
