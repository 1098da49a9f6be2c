//! Talking to the agent in its own words, where its runtime has words for that and wrap writes its stdin.

use super::Host;

impl Host<'_> {
    /// The line that makes the runtime end its turn.
    pub(super) fn interrupt_line(&mut self) -> Option<String> {
        None
    }

    /// Climbs the first rung. What cannot be written in time is followed by the next one.
    pub(super) fn interrupt(&mut self) {}

    /// Whether the agent could be given another prompt.
    pub(super) fn can_redirect(&mut self) -> Result<(), String> {
        Err("the agent takes no prompts".into())
    }

    /// Gives the agent its next prompt.
    pub(super) fn redirect(&mut self, _prompt: &str) -> Result<(), String> {
        self.can_redirect()
    }
}
