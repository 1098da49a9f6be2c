//! stub
use super::{Adapter, Line, Match, Spec};
use crate::guard::{Ended, Guard, Verdict};
use crate::time::Time;
pub(super) const SPEC: Spec = Spec {
    name: "codex",
    aliases: &[],
    about: "",
    usage: "",
    commands: &[],
    flags: &[],
    has_result: true,
    detect: |_| Match::No,
    new: |_| Box::new(Stub),
};
struct Stub;
impl Adapter for Stub {
    fn on_line(&mut self, _now: Time, _line: Line<'_>, _guard: &mut Guard) {}
    fn on_end(&mut self, _now: Time, _: Ended, _guard: &mut Guard) -> Verdict {
        Verdict::MissingResult
    }
}
