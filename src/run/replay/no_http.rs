//! Stands for `http` in a build without it.

use std::io::Write;

use super::source::{Fetch, Trouble};
use crate::exit::Exit;
use crate::sink::http::MISSING;

impl Fetch {
    pub(super) fn run(self, _: &mut dyn Write) -> Result<(), Trouble> {
        Err(Trouble { why: MISSING.to_owned(), exit: Exit::Unavailable })
    }
}
