//! Stands for `http` in a build without it.

use std::io::Write;

use super::source::Fetch;
use crate::exit::{Exit, Refusal};
use crate::sink::http::MISSING;

impl Fetch {
    pub(super) fn run(self, _: &mut dyn Write) -> Result<(), Refusal> {
        Err(Refusal { why: MISSING.to_owned(), exit: Exit::Unavailable })
    }
}
