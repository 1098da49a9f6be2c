//! Estimate of the tokens of a turn by its characters.
//!
//! The agent sends the whole conversation with each call of the model: the prompt, its own output and the results of tools.
//! A call begins with the first output after a result. Sub-agents have conversations of their own.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::codec::{self, Fields};
use crate::event::{Event, Type, Usage};

use super::turn::body;

/// Limit of the conversations that are remembered; past that the oldest is forgotten.
const MAX_CONVERSATIONS: usize = 256;

/// Limit of the blocks whose deltas were counted.
const MAX_STREAMED: usize = 256;

/// Characters that went to the model and came from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flow {
    pub input: u64,
    pub output: u64,
}

impl Flow {
    pub(super) fn add(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
    }

    /// Tokens, at 3.5 characters each.
    pub(super) fn tokens(self) -> Usage {
        let tokens = |chars: u64| Some(chars.saturating_mul(2).div_ceil(7));
        Usage {
            input_tokens: tokens(self.input),
            output_tokens: tokens(self.output),
            ..Usage::default()
        }
    }
}

/// The conversations of a stream: that of the agent and those of its sub-agents.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    list: VecDeque<Conversation>,
    /// Ids of open blocks whose deltas were counted.
    streamed: VecDeque<String>,
}

#[derive(Debug, Default)]
struct Conversation {
    parent: Option<String>,
    chars: u64,
    /// The model has got all of it in the call that is under way.
    sent: bool,
}

impl Conversations {
    /// Takes an event; returns what it adds.
    pub(super) fn note(&mut self, event: &Event<'_>) -> Flow {
        match event.kind {
            Type::TurnStarted => self.input(event.line, |body| text(body, "prompt")),
            Type::ToolFinished => self.input(event.line, |body| value(body, "output")),
            Type::TextDelta => match &event.delta {
                Some(delta) => {
                    let block = delta.block.0;
                    if !self.streamed.iter().any(|known| known == block) {
                        if self.streamed.len() >= MAX_STREAMED {
                            self.streamed.pop_front();
                        }
                        self.streamed.push_back(block.to_owned());
                    }
                    let parent = delta.parent.map(|parent| codec::unescape(parent.0));
                    let chars = codec::unescape(delta.text.0).chars().count();
                    self.conversation(parent.as_deref()).output(chars)
                }
                None => Flow::default(),
            },
            Type::BlockFinal => {
                let block = codec::value_of(event.line, "block").and_then(codec::string);
                let block = block.map_or("", |block| block.0);
                if let Some(at) = self.streamed.iter().position(|known| known == block) {
                    self.streamed.remove(at);
                    return Flow::default();
                }
                self.output(event.line, |body| text(body, "text"))
            }
            Type::ToolStarted => self.output(event.line, |body| {
                body.object("tool").map_or(0, |tool| value(&tool, "input"))
            }),
            _ => Flow::default(),
        }
    }

    fn input(&mut self, line: &str, chars: impl FnOnce(&Fields<'_>) -> usize) -> Flow {
        if let Some((parent, chars)) = read(line, chars) {
            self.conversation(parent.as_deref()).input(chars);
        }
        Flow::default()
    }

    fn output(&mut self, line: &str, chars: impl FnOnce(&Fields<'_>) -> usize) -> Flow {
        read(line, chars).map_or_else(Flow::default, |(parent, chars)| {
            self.conversation(parent.as_deref()).output(chars)
        })
    }

    fn conversation(&mut self, parent: Option<&str>) -> &mut Conversation {
        let known = self.list.iter().position(|known| known.parent.as_deref() == parent);
        let at = known.unwrap_or_else(|| {
            if self.list.len() >= MAX_CONVERSATIONS {
                self.list.pop_front();
            }
            let parent = parent.map(str::to_owned);
            self.list.push_back(Conversation { parent, ..Conversation::default() });
            self.list.len() - 1
        });
        &mut self.list[at]
    }
}

impl Conversation {
    fn input(&mut self, chars: usize) {
        self.chars = self.chars.saturating_add(chars as u64);
        self.sent = false;
    }

    fn output(&mut self, chars: usize) -> Flow {
        let sent = std::mem::replace(&mut self.sent, true);
        let input = if sent { 0 } else { self.chars };
        self.chars = self.chars.saturating_add(chars as u64);
        Flow { input, output: chars as u64 }
    }
}

/// Sub-agent of an event, and a number of characters in it.
fn read(line: &str, chars: impl FnOnce(&Fields<'_>) -> usize) -> Option<(Option<String>, usize)> {
    body(line, |body| Some((body.text("parent").map(Cow::into_owned), chars(body))))
}

/// Characters of a string.
fn text(body: &Fields<'_>, key: &str) -> usize {
    body.text(key).map_or(0, |text| text.chars().count())
}

/// Characters of a string, or of any other JSON as it stands.
fn value(body: &Fields<'_>, key: &str) -> usize {
    let raw = || body.raw(key).map_or(0, |raw| raw.chars().count());
    body.text(key).map_or_else(raw, |text| text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(lines: &[&str]) -> Flow {
        let (mut conversations, mut all) = (Conversations::default(), Flow::default());
        for line in lines {
            let line = format!(r#"{{"v":1,"type":{line}}}"#);
            all.add(conversations.note(&codec::decode_text(&line).unwrap()));
        }
        all
    }

    const PROMPT: &str = r#""turn_started","runtime":"x","prompt":"0123456789""#;
    const DELTA: &str = r#""text_delta","block":"b1","kind":"answer","text":"a\u00e9\n""#;
    const FINAL: &str = r#""block_final","block":"b1","kind":"answer","text":"aé\n""#;
    const CALL: &str =
        r#""tool_started","tool":{"id":"t","name":"n","kind":"other","input":{"a":1}}"#;
    const RESULT: &str = r#""tool_finished","tool":{"id":"t","name":"n","kind":"other"},"outcome":"ok","output":"12345""#;

    #[test]
    fn the_conversation_is_read_again_with_each_call() {
        let of = |input, output| Flow { input, output };
        assert_eq!(flow(&[PROMPT]), of(0, 0), "the model has not answered yet");
        assert_eq!(flow(&[PROMPT, DELTA, FINAL]), of(10, 3));
        assert_eq!(flow(&[PROMPT, FINAL, CALL]), of(10, 3 + 7));
        // The second call gets the prompt, the text, the input and the result.
        let second = [PROMPT, DELTA, FINAL, CALL, RESULT, DELTA];
        assert_eq!(flow(&second), of(10 + (10 + 3 + 7 + 5), 3 + 7 + 3));
        // The next turn goes on with the conversation.
        assert_eq!(flow(&[PROMPT, DELTA, PROMPT, DELTA]), of(10 + 23, 6));
    }

    #[test]
    fn a_sub_agent_has_its_own_conversation() {
        let theirs = r#""text_delta","parent":"t","block":"b2","kind":"answer","text":"abcd""#;
        let flow = flow(&[PROMPT, CALL, theirs, RESULT, DELTA]);
        assert_eq!(flow, Flow { input: 10 + (10 + 7 + 5), output: 7 + 4 + 3 });
    }

    #[test]
    fn tokens_are_characters_by_three_and_a_half() {
        let tokens = Flow { input: 7, output: 8 }.tokens();
        assert_eq!((tokens.input_tokens, tokens.output_tokens), (Some(2), Some(3)));
    }
}
