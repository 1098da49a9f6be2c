//! Talking to the agent in its own words, where its runtime has words for that and its stdin is a pipe of ours.

use serde_json::json;

use super::Host;
use crate::adapter::Order;

impl Host<'_> {
    /// True if the runtime's own interrupt can be said now.
    pub(super) fn can_interrupt(&self) -> bool {
        self.is_listening() && self.tap.order(Order::Interrupt, 0).is_some()
    }

    /// Climbs the first step. An agent that does not hear it meets the next one.
    pub(super) fn interrupt(&mut self) {
        self.order(Order::Interrupt);
    }

    /// True if the agent can be given another prompt.
    ///
    /// # Errors
    /// Why not, in words.
    pub(super) fn can_redirect(&self) -> Result<(), String> {
        // A terminal of the agent's would take the prompt as a person types it.
        if self.tap.order(Order::Prompt(""), 0).is_none() {
            return Err("the agent takes no prompts while it runs: only claude --input-format stream-json and agents of the Agent Client Protocol do".into());
        }
        if !self.is_listening() {
            return Err("the agent's stdin is not open: start it with --stdin pipe, and keep wrap's own stdin open".into());
        }
        Ok(())
    }

    /// Gives the agent its next prompt.
    ///
    /// # Errors
    /// Why that cannot be, in words.
    pub(super) fn redirect(&mut self, prompt: &str) -> Result<(), String> {
        if self.agent.ended().is_some() || self.life.killed() {
            return Err("the agent did not obey and was ended".into());
        }
        self.can_redirect()?;
        if self.tap.guard().any_turn_open() {
            return Err("a turn is open: cancel it first".into());
        }
        self.order(Order::Prompt(prompt));
        self.emit("redirected", None, Some(json!({"prompt": prompt})));
        Ok(())
    }

    /// True if what we say reaches the agent.
    fn is_listening(&self) -> bool {
        self.feed.as_ref().is_some_and(super::Feed::is_open)
    }

    fn order(&mut self, order: Order<'_>) {
        self.requests.orders += 1;
        let line = self.tap.order(order, self.requests.orders);
        if let (Some(line), Some(feed)) = (line, &mut self.feed) {
            feed.emit(&line);
        }
    }
}
