//! Terms of the driver: what configures it, and what it makes its caller do.

use std::time::Duration;

use super::input::Input;
use super::permission::OnPermission;
use super::protocol::Question;
use super::questions::Answered;

/// Configuration of a driver.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub input: Input,
    /// Working directory of the agent.
    pub folder: String,
    /// Session of the runtime to continue.
    pub session: Option<String>,
    pub on_permission: OnPermission,
    /// Time after which a question that waits for a person is denied.
    pub permission_timeout: Option<Duration>,
    /// Time after a turn before the input is closed.
    pub keep_open: Duration,
}

/// Actions for the caller, to be done in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write this to the agent; at a terminal, type it.
    Write(String),
    /// Close the agent's stdin.
    Close,
    /// The message with this id was read by the agent.
    Taken(String),
    /// The message with this id was not accepted within the turn, and waits again.
    Queued(String),
    /// A question was answered.
    Answered(Answered),
    /// Ask the command of [`OnPermission::Command`].
    Ask(Question),
    /// Fail the turn with this `error.code` and message, and interrupt the agent.
    Fail(&'static str, String),
    /// Warn in the stream.
    Warn(String),
}

/// Reason why a message or an answer was not accepted: a code and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused(pub &'static str, pub String);

/// Consent to type at a terminal while a turn runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Force {
    #[default]
    No,
    Yes,
}
