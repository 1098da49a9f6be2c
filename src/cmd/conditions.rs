//! Options of the conditions that cancel a turn, shared by `wrap` and `cancel`.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueHint;

use super::usage;
use crate::filter::cancel::{Options, Prices};

/// Conditions of a turn within wrap.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Conditions that cancel a turn")]
pub(super) struct CancelWhenArgs {
    /// Cancel a turn when one of these conditions holds: NAME=VALUE, separated by commas
    ///
    /// The same as `spile cancel` behind wrap in a pipe, but within it: for runs behind which there is no pipe. after=TIME: the
    /// turn takes longer. idle=TIME: no event has come for this time. repeat=N: a tool has the same input and the same result N
    /// times in a row; numbers and times in results count as the same. cost=USD, tokens=N: more is used, as far as the runtime
    /// reports it before the turn's end (see --estimate). text=N: the answers have more characters. tool=NAME: this tool is
    /// called; several are tool=A,tool=B. match=REGEX: the answer matches; it takes the rest of the list with all commas, so it
    /// comes last, or in a --cancel-when of its own. N may be 5000, 200k or 2M; a TIME of 0 is no limit.
    #[arg(long, value_name = "LIST", value_parser = conditions)]
    cancel_when: Vec<String>,
    #[command(flatten)]
    estimate: EstimateArgs,
}

impl CancelWhenArgs {
    /// The conditions; `None` without any.
    pub(super) fn options(&self) -> Result<Option<Options>> {
        let mut options = Options::default();
        for list in &self.cancel_when {
            options.add(list).map_err(|why| usage(format!("--cancel-when: {why}")))?;
        }
        self.estimate.add_to(&mut options)?;
        Ok(options.is_any().then_some(options))
    }
}

/// A list of conditions, as it was written.
fn conditions(list: &str) -> Result<String, String> {
    Options::default().add(list).map(|()| list.to_owned())
}

/// Tokens and cost that the runtime does not report.
#[derive(Debug, clap::Args)]
pub(super) struct EstimateArgs {
    /// Estimate tokens by characters / 3.5 where the runtime does not report them before the turn's end
    ///
    /// Output are the texts, the reasoning and the input of tools. Input is the conversation so far, again for each call of the
    /// model: the prompt if the runtime reports it, the output, the results of tools. The system prompt is not seen, so the
    /// estimate is low. A cancel by an estimate is marked as such.
    #[arg(long)]
    estimate: bool,
    /// Prices of models, for a cost that the runtime does not report before the turn's end
    ///
    /// A JSON object: {"MODEL":{"input":3,"output":15,"cached":0.3,"cache_write":3.75}}, in US dollars for a million tokens.
    /// MODEL is a name or the beginning of names, of which the longest counts; "" is any model. cached and cache_write are the
    /// input that is read from the prompt cache and written to it, and may be missing; then they cost as other input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    prices: Option<PathBuf>,
}

impl EstimateArgs {
    /// Reads the prices.
    pub(super) fn add_to(&self, options: &mut Options) -> Result<()> {
        let (tokens, cost) = (options.max_tokens.is_some(), options.max_cost.is_some());
        if self.estimate && !tokens && !cost {
            return Err(usage("--estimate is for a condition on tokens or on the cost"));
        }
        if self.prices.is_some() && !cost {
            return Err(usage("--prices is for a condition on the cost"));
        }
        if self.estimate && !tokens && self.prices.is_none() {
            return Err(usage("--estimate needs --prices FILE to know what the tokens cost"));
        }
        options.estimate = self.estimate;
        if let Some(path) = &self.prices {
            let wrong = |why: String| usage(format!("--prices {}: {why}", path.display()));
            let json = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
            options.prices = Some(Prices::parse(&json).map_err(wrong)?);
        }
        Ok(())
    }
}
