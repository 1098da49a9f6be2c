//! Orders to the agent in its runtime's protocol, through a stdin pipe.

use serde_json::json;

use super::Host;
use crate::adapter::Order;

impl Host<'_> {
    pub(super) fn can_interrupt(&self) -> bool {
        self.is_listening() && self.tap.order(Order::Interrupt, 0).is_some()
    }

    /// Checks that the agent accepts a prompt; the error is the reason, for the user.
    pub(super) fn can_redirect(&self) -> Result<(), String> {
        // A terminal would take the prompt as typed text.
        if self.tap.order(Order::Prompt(""), 0).is_none() {
            return Err("the agent takes no prompts while it runs: only claude --input-format stream-json and agents of the Agent Client Protocol do".into());
        }
        if !self.is_listening() {
            return Err("the agent's stdin is not open: start it with --stdin pipe, and keep wrap's own stdin open".into());
        }
        Ok(())
    }

    /// Sends the next prompt; the error is the reason why not, for the user.
    pub(super) fn redirect(&mut self, prompt: &str) -> Result<(), String> {
        if self.agent.ended.is_some() || self.life.killed {
            return Err("the agent did not obey and was ended".into());
        }
        self.can_redirect()?;
        if self.tap.guard().turns_open() > 0 {
            return Err("a turn is open: cancel it first".into());
        }
        self.order(Order::Prompt(prompt));
        self.emit("redirected", None, Some(json!({"prompt": prompt})));
        Ok(())
    }

    fn is_listening(&self) -> bool {
        self.feed.as_ref().is_some_and(super::Feed::is_open)
    }

    pub(super) fn order(&mut self, order: Order<'_>) {
        self.requests.orders += 1;
        let line = self.tap.order(order, self.requests.orders);
        if let (Some(line), Some(feed)) = (line, &mut self.feed) {
            feed.emit(&line);
        }
    }
}
