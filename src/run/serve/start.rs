//! Start of a run by this program's own `start`, so that the run belongs to no server. No shell sees a word of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::Context;
use rustix::fs::{MemfdFlags, Mode, OFlags, ResolveFlags, memfd_create, openat2};
use rustix::io::Errno;

use super::problem::Problem;
use super::{App, texts};
use crate::adapter;
use crate::drive::Input;
use crate::exit::Exit;
use crate::named::Named;
use crate::run::own_program;
use crate::runs::history::Mode as Interface;
use crate::serve::agents::Agent;

/// Attempts to resolve a directory while something below the root is renamed.
const RESOLVE_TRIES: usize = 8;

/// Option with the policy for questions, which only an agent that asks may have.
const ON_PERMISSION: &str = "--on-permission";

/// A run to start.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub mode: Interface,
    /// Stream that the run must have.
    pub stream: Option<String>,
    /// Name of the agent's or command's definition.
    pub agent: String,
    pub words: Vec<String>,
    pub prompt: Option<String>,
    /// References of stored texts.
    pub context: Vec<String>,
    pub label: Option<String>,
    pub cwd: Option<String>,
    pub each: u16,
    pub limits: BTreeMap<String, String>,
    /// Session that is continued by the agent's protocol.
    pub session: Option<String>,
    pub conversation: Option<String>,
    /// Stream of the run whose session is continued.
    pub resumes: Option<String>,
    /// True to write the prompt into the run's description.
    pub log_prompt: bool,
    /// SHA-256 of the request.
    pub request: Option<String>,
}

impl Start {
    pub(super) fn new(mode: Interface, agent: &str, words: Vec<String>) -> Self {
        Self {
            mode,
            stream: None,
            agent: agent.to_owned(),
            words,
            prompt: None,
            context: Vec::new(),
            label: None,
            cwd: None,
            each: 1,
            limits: BTreeMap::new(),
            session: None,
            conversation: None,
            resumes: None,
            log_prompt: false,
            request: None,
        }
    }

    /// Arguments of `start`. An agent that asks for permission waits for an answer, unless the options say otherwise.
    fn arguments(&self, app: &App, context: &[String]) -> Vec<OsString> {
        let mut all: Vec<OsString> = vec!["start".into()];
        let mut add = |name: &str, value: &str| all.push(format!("--{name}={value}").into());
        add("by", self.mode.name());
        add("agent-name", &self.agent);
        let given = [
            ("stream", &self.stream),
            ("label", &self.label),
            ("session", &self.session),
            ("conversation", &self.conversation),
            ("resumes", &self.resumes),
            ("request", &self.request),
        ];
        for (name, value) in given {
            value.iter().for_each(|value| add(name, value));
        }
        self.limits.iter().for_each(|(name, value)| add(name, value));
        self.context.iter().for_each(|reference| add("context-ref", reference));
        context.iter().for_each(|path| add("context", path));
        if self.each > 1 {
            add("each", &self.each.to_string());
        }
        if self.prompt.is_some() {
            let asks = app.input(&self.words).is_some_and(Input::asks);
            let wrap = app.options.wrap.iter();
            let of_questions = |option: &&String| option.starts_with(ON_PERMISSION);
            if asks && !wrap.clone().any(|option| of_questions(&option)) {
                all.push(format!("{ON_PERMISSION}=wait").into());
            }
            all.extend(wrap.filter(|option| asks || !of_questions(option)).map(OsString::from));
            all.push("--prompt-file=-".into());
            all.extend(self.log_prompt.then(|| "--log-prompt".into()));
            if !Agent::has_prompt(&self.words) {
                all.push("--drive".into());
            }
        }
        all.push("--".into());
        all.extend(self.words.iter().map(OsString::from));
        all
    }
}

impl App {
    /// Way in which an agent with this command line is given messages; `None` for one that has its prompt in the command line.
    pub(super) fn input(&self, words: &[String]) -> Option<Input> {
        if Agent::has_prompt(words) {
            return None;
        }
        let from = self.options.wrap.iter().find_map(|option| option.strip_prefix("--from="));
        let named = adapter::by_command(words).map(|(spec, _)| spec.name);
        Some(Input::of(from.or(named).unwrap_or_default(), words))
    }

    /// True if a run of this agent can continue the session of another one.
    pub(super) fn resumes(&self, agent: &Agent) -> bool {
        agent.resuming.is_some() || self.input(&agent.words).is_some_and(Input::continues_sessions)
    }
}

/// Checks that this number of further runs may live.
pub(super) fn check_room(app: &App, count: usize) -> Result<(), Problem> {
    let most = app.options.max_runs;
    if count > most.saturating_sub(app.state.live()?) {
        let why = format!("{most} runs live at a time: wait until one has ended");
        return Err(Problem::new(429, why));
    }
    Ok(())
}

/// Starts a run and waits until its agent exists; the streams of the runs.
pub(super) fn start(app: &App, start: &Start) -> Result<Vec<String>, Problem> {
    check_room(app, start.each.into())?;
    let context =
        start.context.iter().map(|it| texts::path(app, it)).collect::<Result<Vec<_>, _>>()?;
    let folder = folder(app, start.cwd.as_deref())?;
    let stdin = match &start.prompt {
        None => Stdio::null(),
        // Whole before the child exists, so that a server that dies starts nobody with half a prompt.
        Some(prompt) => text_file(prompt).context("cannot pass on the prompt")?.into(),
    };
    let output = Command::new(own_program())
        .args(start.arguments(app, &context))
        .current_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()))
        .stdin(stdin)
        .process_group(0)
        .output();
    let output = match output {
        Err(e) if e.raw_os_error() == Some(Errno::TOOBIG.raw_os_error()) => {
            return Err(Problem::new(413, "the command line is longer than the system allows"));
        }
        output => output.context("cannot start spile")?,
    };
    let words = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        let streams: Vec<String> = words(&output.stdout).lines().map(str::to_owned).collect();
        app.remember(&streams);
        return Ok(streams);
    }
    let why = words(&output.stderr);
    let why = why.trim_end().strip_prefix("spile: ").unwrap_or(why.trim_end());
    let is = |exit: Exit| output.status.code() == Some(exit.code().into());
    let status = if is(Exit::Usage) {
        400
    } else if is(Exit::Taken) {
        409
    } else {
        503
    };
    Err(Problem::new(status, why))
}

/// Opens a directory below the root. No symbolic link, `..` or race leads out of it.
fn folder(app: &App, path: Option<&str>) -> Result<OwnedFd, Problem> {
    let path = path.filter(|path| !path.is_empty()).unwrap_or(".");
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for _ in 0..RESOLVE_TRIES {
        return match openat2(&app.root, path, flags, Mode::empty(), ResolveFlags::BENEATH) {
            Ok(folder) => Ok(folder),
            Err(Errno::AGAIN) => continue,
            Err(Errno::XDEV) => Err(Problem::new(403, "cwd leads out of the root")),
            Err(e) => Err(Problem::wrong(format!("cwd cannot be opened: {e}"))),
        };
    }
    Err(Problem::new(403, "cwd changes while it is opened"))
}

/// An anonymous file with a text, at its start.
fn text_file(text: &str) -> std::io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("prompt", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}
