//! The life of a process in virtual time: every way it can end.

use signal_hook::consts::SIGHUP;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Time {
    Time::from_millis(1_000_000 + millis)
}

fn view(phase: Phase) -> View {
    View {
        phase,
        ended: u64::from(!matches!(phase, Phase::Starting | Phase::InTurn)),
        tool_since: None,
        behind: None,
    }
}

/// A process, its actions as words, and the time that its own deadlines say.
struct Life {
    life: Lifecycle,
    said: Vec<String>,
}

impl Life {
    fn new(limits: Limits) -> Self {
        Self { life: Lifecycle::new(at(0), limits), said: Vec::new() }
    }

    fn collect(&mut self, now: u64) {
        while let Some(action) = self.life.action() {
            let word = match action {
                Action::Escalation(EscalationStep::Signal(n)) => {
                    signal_hook::low_level::signal_name(n).unwrap().to_owned()
                }
                Action::Escalation(EscalationStep::Interrupt) => "interrupt".to_owned(),
                Action::Escalation(EscalationStep::Key) => "^C".to_owned(),
                Action::Escalation(EscalationStep::Tree) => "tree".to_owned(),
                Action::Fail(code, _) => code.to_owned(),
                Action::ClosePipes => "close".to_owned(),
                Action::Finish => "finish".to_owned(),
            };
            self.said.push(format!("{now}:{word}"));
        }
    }

    fn then(&mut self, now: u64, act: impl FnOnce(&mut Lifecycle, Time)) -> &mut Self {
        self.until(now);
        act(&mut self.life, at(now));
        self.collect(now);
        self
    }

    /// Lets time pass, stopping at every deadline on the way.
    fn until(&mut self, end: u64) -> &mut Self {
        for _ in 0..1000 {
            match self.life.deadline() {
                Some(due) if due <= at(end) => {
                    let now = (due.as_millis() - at(0).as_millis()).min(end);
                    self.life.tick(at(now));
                    self.collect(now);
                }
                _ => return self,
            }
        }
        panic!("it is always due: {:?}", self.life);
    }

    #[track_caller]
    fn said(&mut self, want: &str) {
        self.until(10_000_000);
        assert_eq!(self.said.join(" "), want);
    }
}

fn limits() -> Limits {
    Limits {
        grace: Duration::from_secs(5),
        drain: Duration::from_millis(250),
        after_result: Duration::from_secs(30),
        total: None,
        idle: None,
        first_output: None,
        tool: None,
    }
}

#[test]
fn it_exits_and_its_pipes_close() {
    let mut life = Life::new(limits());
    life.then(10, Lifecycle::output).then(20, Lifecycle::exited).then(21, Lifecycle::pipes_closed);
    assert!(!life.life.killed);
    life.said("21:finish");
    let mut life = Life::new(limits());
    life.then(5, Lifecycle::pipes_closed).then(9000, Lifecycle::exited).said("9000:finish");
}

#[test]
fn pipes_that_stay_open_are_drained_until_quiet() {
    Life::new(limits())
        .then(100, Lifecycle::exited)
        .then(300, Lifecycle::output)
        .then(500, Lifecycle::output)
        .said("750:close 750:finish");
}

#[test]
fn a_writer_that_never_stops_is_cut_off() {
    let mut life = Life::new(limits());
    life.then(100, Lifecycle::exited);
    for n in 0..100 {
        life.then(100 + n * 100, Lifecycle::output);
    }
    life.said("5100:close 5100:finish");
}

#[test]
fn a_signal_starts_the_ladder_at_itself() {
    for (signal, want) in [
        (SIGINT, "10:SIGINT 5010:SIGTERM 10010:tree"),
        (SIGTERM, "10:SIGTERM 5010:tree"),
        (SIGHUP, "10:SIGHUP 5010:SIGTERM 10010:tree"),
    ] {
        let mut life = Life::new(limits());
        life.then(10, |life, now| life.stop(now, Stop::Signal(signal))).said(want);
        assert!(life.life.killed);
    }
}

#[test]
fn at_a_terminal_an_interrupt_is_typed_first() {
    for (stop, want) in [
        (Stop::Cancel(Cancel::default()), "10:^C 5010:SIGINT 10010:SIGTERM 15010:tree"),
        (Stop::Signal(SIGINT), "10:^C 5010:SIGINT 10010:SIGTERM 15010:tree"),
        (Stop::Signal(SIGTERM), "10:SIGTERM 5010:tree"),
    ] {
        let mut life = Life::new(limits());
        life.life.has_terminal = true;
        life.then(10, |life, now| life.stop(now, stop)).said(want);
    }
}

#[test]
fn an_exit_ends_the_ladder() {
    Life::new(limits())
        .then(10, |life, now| {
            life.stop(now, Stop::Cancel(Cancel::default()));
        })
        .then(20, Lifecycle::pipes_closed)
        .then(30, Lifecycle::exited)
        .then(40, |life, now| {
            life.stop(now, Stop::Cancel(Cancel::default()));
        })
        .said("10:SIGINT 30:finish");
}

#[test]
fn asked_twice_it_climbs_at_once() {
    Life::new(limits())
        .then(10, |life, now| {
            life.stop(now, Stop::Cancel(Cancel::default()));
        })
        .then(20, |life, now| {
            life.stop(now, Stop::Cancel(Cancel::default()));
        })
        .said("10:SIGINT 20:SIGTERM 5020:tree");
    Life::new(limits())
        .then(10, |life, now| life.stop(now, Stop::Signal(SIGINT)))
        .then(1010, |life, now| life.stop(now, Stop::Signal(SIGINT)))
        .said("10:SIGINT 1010:tree");
}

#[test]
fn a_stop_that_arrives_as_several_is_one_wish() {
    let cancel = Stop::Cancel(Cancel::default());
    for (first, second, want) in [
        (Stop::Signal(SIGTERM), Stop::Signal(SIGTERM), "10:SIGTERM 5010:tree"),
        (Stop::Signal(SIGTERM), Stop::Signal(SIGHUP), "10:SIGTERM 5010:tree"),
        (Stop::Signal(SIGTERM), Stop::ReaderGone, "10:SIGTERM 5010:tree"),
        (Stop::Signal(SIGTERM), cancel, "10:SIGTERM 5010:tree"),
        (Stop::ReaderGone, Stop::Signal(SIGTERM), "10:SIGINT 5010:SIGTERM 10010:tree"),
        (cancel, Stop::Signal(SIGTERM), "10:SIGINT 5010:SIGTERM 10010:tree"),
    ] {
        let mut life = Life::new(limits());
        life.then(10, |life, now| life.stop(now, first));
        for again in [10, 11, 500, 1009] {
            life.then(again, |life, now| life.stop(now, second));
        }
        life.said(want);
    }
}

#[test]
fn the_first_signal_never_kills() {
    for first in [Stop::ReaderGone, Stop::Cancel(Cancel::default())] {
        Life::new(limits())
            .then(10, |life, now| life.stop(now, first))
            .then(2000, |life, now| life.stop(now, Stop::Signal(SIGTERM)))
            .then(2010, |life, now| life.stop(now, Stop::Signal(SIGTERM)))
            .said("10:SIGINT 2000:SIGTERM 7000:tree");
        Life::new(limits())
            .then(10, |life, now| life.stop(now, first))
            .then(2000, |life, now| life.stop(now, Stop::Signal(SIGTERM)))
            .then(3000, |life, now| life.stop(now, Stop::Signal(SIGTERM)))
            .said("10:SIGINT 2000:SIGTERM 3000:tree");
    }
}

#[test]
fn a_result_without_an_exit_is_ended() {
    let mut life = Life::new(limits());
    life.then(10, |life, now| life.seen(now, view(Phase::InTurn)))
        .then(20, |life, now| life.seen(now, view(Phase::Done)))
        // What it goes on to print is no reason to wait longer.
        .then(9000, Lifecycle::output)
        .then(9000, |life, now| life.seen(now, view(Phase::Done)))
        .said("30020:SIGINT 35020:SIGTERM 40020:tree");
    // Another turn, or a stdin on which one may still be asked for, is one.
    for phase in [Phase::InTurn, Phase::Between] {
        Life::new(limits())
            .then(20, |life, now| life.seen(now, view(Phase::Done)))
            .then(30, |life, now| life.seen(now, view(phase)))
            .said("");
    }
}

#[test]
fn each_timeout_has_its_own_name() {
    let total = Limits { total: Some(SECOND), ..limits() };
    Life::new(total)
        .then(999, Lifecycle::output)
        .said("1000:timeout_total 1000:SIGINT 6000:SIGTERM 11000:tree");
    let idle = Limits { idle: Some(SECOND), ..limits() };
    Life::new(idle.clone())
        .then(800, Lifecycle::output)
        .said("1800:timeout_idle 1800:SIGINT 6800:SIGTERM 11800:tree");
    Life::new(idle.clone()).said("1000:timeout_idle 1000:SIGINT 6000:SIGTERM 11000:tree");
    let first = Limits { first_output: Some(3 * SECOND), ..idle };
    Life::new(first.clone()).said("3000:timeout_first_output 3000:SIGINT 8000:SIGTERM 13000:tree");
    Life::new(first)
        .then(2000, Lifecycle::output)
        .said("3000:timeout_idle 3000:SIGINT 8000:SIGTERM 13000:tree");
}

#[test]
fn silence_is_no_failure_where_nothing_is_asked() {
    let idle = Limits { idle: Some(SECOND), ..limits() };
    for phase in [Phase::Between, Phase::Done] {
        Life::new(idle.clone())
            .then(10, Lifecycle::output)
            .then(10, |life, now| life.seen(now, view(phase)))
            .then(20_000, Lifecycle::exited)
            .then(20_000, Lifecycle::pipes_closed)
            .said("20000:finish");
    }
}

#[test]
fn a_tool_that_takes_too_long() {
    let tool = Limits { tool: Some(SECOND), ..limits() };
    let open = |since| View { tool_since: Some(at(since)), ..view(Phase::InTurn) };
    Life::new(tool.clone())
        .then(100, |life, now| life.seen(now, open(100)))
        .then(500, Lifecycle::output)
        .said("1100:timeout_tool 1100:SIGINT 6100:SIGTERM 11100:tree");
    // Its end has come and waits unread: the limit is looked at by the adapter's time.
    let late = |since, behind| View { behind: Some(at(behind)), ..open(since) };
    Life::new(tool.clone())
        .then(100, |life, now| life.seen(now, late(100, 200)))
        .then(5000, Lifecycle::tick)
        .then(6000, |life, now| life.seen(now, view(Phase::InTurn)))
        .said("");
    Life::new(tool)
        .then(100, |life, now| life.seen(now, late(100, 200)))
        .then(5000, |life, now| life.seen(now, late(100, 1100)))
        .then(5000, Lifecycle::tick)
        .said("5000:timeout_tool 5000:SIGINT 10000:SIGTERM 15000:tree");
}

#[test]
fn a_timeout_does_not_climb_a_ladder_that_is_climbed() {
    let total = Limits { total: Some(SECOND), ..limits() };
    Life::new(total)
        .then(500, |life, now| {
            life.stop(now, Stop::Cancel(Cancel::default()));
        })
        .said("500:SIGINT 5500:SIGTERM 10500:tree");
}

#[test]
fn an_agent_that_we_hold_back_is_not_silent_and_not_drained() {
    let idle = Limits { idle: Some(SECOND), ..limits() };
    Life::new(idle.clone())
        .then(10, |life, _| life.hold())
        .then(9000, Lifecycle::release)
        .said("10000:timeout_idle 10000:SIGINT 15000:SIGTERM 20000:tree");
    Life::new(idle)
        .then(10, |life, _| life.hold())
        .then(500, Lifecycle::exited)
        .then(9000, Lifecycle::release)
        .said("9250:close 9250:finish");
}

/// A cancel of an agent that can be interrupted.
fn interrupt(life: &mut Lifecycle, now: Time) {
    life.stop(now, Stop::Cancel(Cancel { interrupt: true, within: None }));
}

fn ended(life: &mut Lifecycle, now: Time, ended: u64, phase: Phase) {
    life.seen(now, View { ended, ..view(phase) });
}

#[test]
fn an_interrupt_that_ends_the_turn_is_the_end_of_the_climb() {
    let mut life = Life::new(limits());
    life.then(5, |life, now| ended(life, now, 0, Phase::InTurn))
        .then(10, interrupt)
        .then(20, |life, now| ended(life, now, 1, Phase::Between));
    assert_eq!(life.life.deadline(), None);
    assert!(!life.life.killed);
    life.then(30, |life, now| ended(life, now, 1, Phase::InTurn))
        .then(40, interrupt)
        .then(50, |life, now| ended(life, now, 2, Phase::InTurn))
        .said("10:interrupt 40:interrupt");
}

#[test]
fn an_interrupt_that_is_not_heard_is_followed_by_signals() {
    Life::new(limits())
        .then(5, |life, now| ended(life, now, 3, Phase::InTurn))
        .then(10, interrupt)
        .then(20, |life, now| ended(life, now, 3, Phase::InTurn))
        .said("10:interrupt 5010:SIGINT 10010:SIGTERM 15010:tree");
    Life::new(limits())
        .then(10, interrupt)
        .then(20, interrupt)
        .then(30, |life, now| ended(life, now, 1, Phase::Between))
        .said("10:interrupt 20:SIGINT 5020:SIGTERM 10020:tree");
}

#[test]
fn who_wants_the_run_to_end_is_not_content_with_an_interrupt() {
    for (stop, want) in [
        (Stop::Signal(SIGTERM), "20:SIGTERM 5020:tree"),
        (Stop::ReaderGone, "20:SIGINT 5020:SIGTERM 10020:tree"),
    ] {
        Life::new(limits())
            .then(10, interrupt)
            .then(20, |life, now| life.stop(now, stop))
            .then(30, |life, now| ended(life, now, 1, Phase::Between))
            .said(&format!("10:interrupt {want}"));
    }
}

#[test]
fn the_rungs_share_the_grace_of_a_cancel() {
    for (interrupt, want) in [
        (false, "10:SIGINT 310:SIGTERM 610:tree"),
        (true, "10:interrupt 210:SIGINT 410:SIGTERM 610:tree"),
    ] {
        let cancel = Cancel { interrupt, within: Some(Duration::from_millis(600)) };
        Life::new(limits()).then(10, |life, now| life.stop(now, Stop::Cancel(cancel))).said(want);
    }
}
