//! Stands for `http` in a build without it.

use std::io::Write;

use super::Follow;
use super::copy::Trouble;
use crate::exit::Exit;
use crate::sink::access::Access;
use crate::sink::http::MISSING;

pub(super) struct Fetch {
    pub(super) url: String,
    pub(super) access: Access,
    pub(super) follow: Follow,
}

impl Fetch {
    pub(super) fn run(self, _: &mut dyn Write) -> Result<(), Trouble> {
        Err(Trouble { why: MISSING.to_owned(), exit: Exit::Unavailable })
    }
}
