//! Routes about the server itself.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::Ordering;

use axum::response::Response;
use rustix::fs::{Access, AtFlags, StatVfsMountFlags, accessat, statvfs};
use rustix::io::Errno;
use serde_json::json;

use super::problem::Problem;
use super::router::{Call, blocking, json as answer, typed};
use super::{App, runs};
use crate::named::Named;
use crate::runs::info::State;

/// `GET /healthz`.
pub(super) async fn health(call: Call) -> Result<Response, Problem> {
    blocking(move || {
        let state = &call.app.state;
        let stats = statvfs(state.path()).map_err(anyhow::Error::from)?;
        // Some file systems have no number of inodes.
        let is_full = stats.f_bavail == 0 || stats.f_files > 0 && stats.f_favail == 0;
        let is_readonly = stats.f_flag.contains(StatVfsMountFlags::RDONLY);
        let is_locked = [state.folder(), state.runs()].into_iter().any(|folder| {
            let access = Access::WRITE_OK | Access::EXEC_OK;
            accessat(folder, ".", access, AtFlags::EACCESS) == Err(Errno::ACCESS)
        });
        if is_full || is_readonly || is_locked {
            return Err(Problem::new(503, "the state directory cannot be written"));
        }
        Ok(typed(200, "text/plain", "ok\n"))
    })
    .await
}

/// `GET /status`.
pub(super) async fn status(call: Call) -> Result<Response, Problem> {
    blocking(move || {
        let app = &call.app;
        let numbers = Numbers::of(app)?;
        let states: BTreeMap<&str, u64> = numbers.states.iter().copied().collect();
        Ok(answer(
            200,
            &json!({
                "version": env!("CARGO_PKG_VERSION"),
                "uptime_s": app.began.elapsed().as_secs(),
                "agents": app.options.agents.iter().map(|agent| &agent.name).collect::<Vec<_>>(),
                "resuming": app.options.agents.iter().filter(|it| app.resumes(it)).map(|it| &it.name).collect::<Vec<_>>(),
                "commands": app.options.commands.iter().map(|it| &it.name).collect::<Vec<_>>(),
                "runs": states,
                "live": numbers.live,
                "root": std::fs::canonicalize(&app.options.root).unwrap_or_default(),
                "clients": app.connections(),
                "limits": {"max_runs": app.options.max_runs, "max_clients": app.options.max_clients},
                "disk_free_bytes": numbers.free,
                "webhooks": app.webhooks.as_ref().map(|it| it.shown()).unwrap_or_default(),
            }),
        ))
    })
    .await
}

/// `GET /metrics`.
pub(super) async fn metrics(call: Call) -> Result<Response, Problem> {
    blocking(move || {
        let app = &call.app;
        let numbers = Numbers::of(app)?;
        let one = |value: u64| vec![(String::new(), value)];
        let count = |count: usize| one(u64::try_from(count).unwrap_or(u64::MAX));
        let states: Vec<_> =
            numbers.states.iter().map(|(name, n)| (format!("{{state=\"{name}\"}}"), *n)).collect();
        let requests = app.requests.load(Ordering::Relaxed);
        let uptime = app.began.elapsed().as_secs();
        let metrics = [
            ("runs", "gauge", "Runs in the state directory, by state.", states),
            ("runs_live", "gauge", "Runs of which a process lives.", one(numbers.live)),
            ("runs_max", "gauge", "Runs that may live at a time.", count(app.options.max_runs)),
            ("clients", "gauge", "Open connections.", count(app.connections())),
            ("clients_max", "gauge", "Connections at a time.", count(app.options.max_clients)),
            ("requests_total", "counter", "Requests since the start.", one(requests)),
            ("uptime_seconds", "gauge", "Time since the start.", one(uptime)),
            ("disk_free_bytes", "gauge", "Free bytes for the state directory.", one(numbers.free)),
        ];
        let mut text = String::new();
        for (name, kind, about, values) in metrics {
            let _ = writeln!(text, "# HELP spile_{name} {about}\n# TYPE spile_{name} {kind}");
            for (labels, value) in values {
                let _ = writeln!(text, "spile_{name}{labels} {value}");
            }
        }
        Ok(typed(200, "text/plain; version=0.0.4", text))
    })
    .await
}

struct Numbers {
    /// Number of runs in each state.
    states: Vec<(&'static str, u64)>,
    live: u64,
    free: u64,
}

impl Numbers {
    fn of(app: &App) -> Result<Self, Problem> {
        let mut states: Vec<_> = State::ALL.iter().map(|(name, ..)| (*name, 0)).collect();
        let mut live = 0;
        for run in runs::all(&app.state)? {
            live += u64::from(run.alive);
            let name = run.summary.state.name();
            states.iter_mut().filter(|(known, _)| *known == name).for_each(|(_, n)| *n += 1);
        }
        let stats = statvfs(app.state.path()).map_err(anyhow::Error::from)?;
        Ok(Self { states, live, free: stats.f_bavail.saturating_mul(stats.f_frsize) })
    }
}
