//! Routes that steer a run by its control socket, and the end of all runs with the server.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use axum::response::Response;
use hyper::header::HeaderName;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::problem::Problem;
use super::router::{Call, blocking, json as answer};
use super::runs;
use crate::run::control::{
    Answer, Ask, CancelTurn, Found, PermitTool, Request, Text, ask_all, find_background,
};
use crate::run::operation::Begun;
use crate::run::output::warn;
use crate::run::state::{RunFolder, RunLife, StateFolder};
use crate::runs::history::{Mode, Op};
use crate::runs::info::State;
use crate::serve::doors::Form;
use crate::serve::request::{self, check_prompt};

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Time for an answer of a run.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Time for a run to say its state.
const STATE_WITHIN: Duration = Duration::from_secs(1);

/// Time beyond the grace of a run, for its last output.
const PATIENCE: Duration = Duration::from_secs(30);

/// Grace of a cancel without one, and the longest one.
const GRACE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// Time for runs to end with the server, before they are killed.
const END_WITHIN: Duration = Duration::from_secs(10);

/// `POST /runs/{id}/cancel`.
pub(super) async fn cancel(call: Call) -> Result<Response, Problem> {
    let wanted: request::Cancel = match call.form {
        Form::Nothing => request::Cancel::default(),
        _ => call.json()?,
    };
    if let Some(then) = &wanted.then {
        check_prompt("then", then).map_err(Problem::wrong)?;
    }
    let grace = match &wanted.grace {
        None => GRACE.0,
        Some(text) => crate::time::duration(text)
            .ok()
            .filter(|grace| *grace <= GRACE.1)
            .ok_or_else(|| Problem::wrong("grace is a time up to 10m, as 10s"))?,
    };
    let waits = !call.header(&PREFER).is_some_and(|it| it.contains("respond-async"));
    let ask = Ask::Cancel(CancelTurn {
        by: Some("control".into()),
        reason: wanted.reason,
        grace_ms: u64::try_from(grace.as_millis()).ok(),
        then: wanted.then.clone(),
        turn: None,
    });
    let mut proof = None;
    let patience = if waits { grace + PATIENCE } else { ANSWER_WITHIN };
    blocking(move || {
        if let Some(event) = end_waiting(&call, patience)? {
            let event = RawValue::from_string(event).unwrap_or_default();
            return Ok(answer(200, &Proof { outcome: "ended", event, left: Vec::new() }));
        }
        let then = wanted.then.as_deref();
        let last = ask_run(&call, Op::Cancel, then, ask, patience, &mut |answer| match answer {
            Answer::Accepted { .. } if waits => ControlFlow::Continue(()),
            Answer::Ended { event, left } => {
                proof = Some((event.clone(), left.clone()));
                let more = then.is_some();
                if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
            _ => ControlFlow::Break(()),
        })?;
        if matches!(last, Answer::Accepted { .. }) {
            return Ok(answer(202, &json!({"outcome": "accepted"})));
        }
        let (event, left) = proof.unwrap_or_default();
        // The event as it stands in the stream, byte for byte.
        let event = RawValue::from_string(event).unwrap_or_default();
        let body = Proof { outcome: last.word(), event, left };
        Ok(answer(200, &body))
    })
    .await
}

/// Ends a run that waits for its turn; its terminal event.
fn end_waiting(call: &Call, within: Duration) -> Result<Option<String>, Problem> {
    let run = runs::find(&call.app.state, call.param("id"))?;
    let began = Begun::now(Op::Cancel, Mode::Runs, "http", None);
    let event = run.end_waiting(within)?;
    if event.is_some() {
        call.app.state.note(&began.ended(run.stream(), "ended"));
    }
    Ok(event)
}

/// Proof of a cancel.
#[derive(serde::Serialize)]
struct Proof {
    outcome: &'static str,
    /// Terminal event of the turn.
    event: Box<RawValue>,
    /// Processes that cannot be killed and still run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left: Vec<i32>,
}

/// `POST /runs/{id}/messages`.
pub(super) async fn send(call: Call) -> Result<Response, Problem> {
    let request::Text { text } = call.json()?;
    check_prompt("text", &text).map_err(Problem::wrong)?;
    let ask = Ask::Send(Text { text: text.clone(), by: Some("http".into()), force: false });
    one_answer(call, Op::Send, Some(text), ask).await
}

/// `POST /runs/{id}/permissions/{pid}`.
pub(super) async fn permit(call: Call) -> Result<Response, Problem> {
    let request::Permission { allow, reason } = call.json()?;
    let reason = reason.or((!allow).then(|| "denied by a person".into()));
    let id = Some(call.param("pid").to_owned());
    let ask = Ask::Permit(PermitTool { id, allow, reason, by: Some("http".into()) });
    one_answer(call, Op::Permit, None, ask).await
}

async fn one_answer(
    call: Call,
    op: Op,
    text: Option<String>,
    ask: Ask,
) -> Result<Response, Problem> {
    blocking(move || {
        let first = &mut |_: &Answer| ControlFlow::Break(());
        let last = ask_run(&call, op, text.as_deref(), ask, ANSWER_WITHIN, first)?;
        Ok(answer(200, &json!({"outcome": last.word()})))
    })
    .await
}

/// Asks the run of a call, and records the result. `more` decides whether further answers follow; the last one is returned.
fn ask_run(
    call: &Call,
    op: Op,
    text: Option<&str>,
    ask: Ask,
    within: Duration,
    more: &mut dyn FnMut(&Answer) -> ControlFlow<()>,
) -> Result<Answer, Problem> {
    let began = Begun::now(op, Mode::Runs, "http", text);
    let run = runs::find(&call.app.state, call.param("id"))?;
    let Some(found) = find_background(&run) else {
        return Err(match runs::Shown::look(&run)?.alive {
            true => Problem::new(503, "the run does not take requests now"),
            false => Problem::new(409, "the run is over"),
        });
    };
    let request = Request::to(&found.info, ask);
    let mut last = Answer::Lost("no answer".into());
    ask_all(vec![(found, request)], within, &mut |_: &Found, answer| {
        let flow = more(&answer);
        last = answer;
        flow
    });
    call.app.state.note(&began.ended(run.stream(), last.word()));
    match last {
        Answer::Refused { code, reason } if op == Op::Permit && code == "no_question" => {
            Err(Problem::new(404, reason))
        }
        Answer::Refused { reason, .. } => Err(Problem::new(409, reason)),
        Answer::Error { reason } | Answer::Lost(reason) => Err(Problem::new(503, reason)),
        answer => Ok(answer),
    }
}

/// Run that lives, as it says itself.
pub(super) struct Live {
    pub state: State,
    /// Time without output, in milliseconds.
    pub idle_ms: u64,
    /// Open questions for permission: `{id, tool, title}`.
    pub questions: Value,
}

/// Answer of a run that lives.
pub(super) fn live(run: &RunFolder) -> Option<Live> {
    let found = find_background(run)?;
    let request = Request::to(&found.info, Ask::Query);
    let mut live = None;
    ask_all(vec![(found, request)], STATE_WITHIN, &mut |_: &Found, answer| {
        if let Answer::State(mut answer) = answer {
            let state = match (answer["open"].as_bool(), answer["turn"].as_u64()) {
                (Some(true), _) => State::Running,
                (_, Some(0)) => State::Starting,
                _ => State::Waiting,
            };
            let idle_ms = answer["idle_ms"].as_u64().unwrap_or_default();
            live = Some(Live { state, idle_ms, questions: answer["questions"].take() });
        }
        ControlFlow::Break(())
    });
    live
}

/// Ends these runs: asks the wrap of each, and kills what is left after a while.
pub(super) fn end_all(state: &StateFolder, streams: &[String]) {
    let until = Instant::now() + END_WITHIN;
    let signal = |signal| {
        let live = streams.iter().filter_map(|stream| {
            let run = state.run(stream).ok().flatten()?;
            (run.life().ok()? == RunLife::Alive).then_some(run)
        });
        let mut count = 0;
        for run in live {
            count += 1;
            let found = find_background(&run);
            let pid =
                found.and_then(|found| found.client.pid()).and_then(|pid| i32::try_from(pid).ok());
            // By a descriptor, so that no other process of that number is meant.
            if let (Some(signal), Some(pid)) = (signal, pid.and_then(Pid::from_raw))
                && let Ok(wrap) = pidfd_open(pid, PidfdFlags::empty())
            {
                let _ = pidfd_send_signal(wrap, signal);
            }
        }
        count
    };
    signal(Some(Signal::TERM));
    while signal(None) > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    if signal(Some(Signal::KILL)) > 0 {
        warn("runs did not end in time and were killed");
    }
    for stream in streams {
        if let Ok(Some(run)) = state.run(stream) {
            let until = Instant::now() + END_WITHIN;
            while run.settle().is_ok_and(|over| over.is_none()) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
