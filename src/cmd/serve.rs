//! `spile serve`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::ValueHint;

use super::{common, usage};
use crate::exit::Exit;
use crate::run::serve::{self, Address, HookOptions, OnExit, Options, read_secret};
use crate::serve::agents::{self, Agent};
use crate::serve::webhook::Webhook;
use crate::sink::masked;
use crate::sink::reach::Reach;
use crate::sink::signature::SigningKeys;

/// Serve background runs by HTTP: start, watch and steer agents
///
/// Prints one URL, with the token in its fragment, and serves until SIGTERM, SIGINT or SIGHUP; then it exits with 0. The URL opens a
/// page in a browser. Runs belong to no server: they go on when it ends, those of `spile start` are shown too, and `spile attach` shows
/// those of the server. Only what --agent and --command define can be started. `GET /openapi.json` describes all routes.
///
/// A client sends the token as `Authorization: Bearer TOKEN`. It is the content of serve.token, which only you can read, in
/// $XDG_RUNTIME_DIR/spile, or else in spile-UID/spile in TMPDIR or /tmp. On a Unix socket every process of yours may ask. A request whose Host or Origin
/// is not the server's is refused. There is no TLS: other machines come through a proxy.
///
/// The exit status is 2 for a wrong option, and 125 if the server cannot listen.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Address to listen at: ADDRESS:PORT or unix:PATH; several are allowed. Beyond this machine it wants --token-file
    #[arg(long, value_name = "WHERE", default_value = "127.0.0.1:8181", value_parser = Address::parse)]
    listen: Vec<Address>,
    /// Agent that may be started; the first one is the default
    ///
    /// NAME alone is a runtime whose command line is known: claude, codex, gemini, opencode. The command line is split into
    /// words once, with quotes, and no shell sees it. A prompt stands at {prompt}, else it is given by the agent's protocol or
    /// on its stdin, as by `spile start --drive`. A second definition of a name, with {session} in it, is the command line that
    /// resumes a session.
    #[arg(long, value_name = "NAME[=COMMANDLINE]")]
    agent: Vec<String>,
    /// Command of `POST /direct`. Further words of a request stand at {args}, or at {args:any} with options among them
    #[arg(long, value_name = "NAME=COMMANDLINE")]
    command: Vec<String>,
    /// Option of `spile start` for every agent, as --wrap=--redact or --wrap=--on-permission=fail
    ///
    /// Without --on-permission an agent that asks by its protocol waits for an answer, from the page or by HTTP.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    wrap: Vec<String>,
    /// Directory in which runs start; `cwd` of a request leads below it
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    root: PathBuf,
    /// File with the token, one word of at least 16 characters, that only you can read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    token_file: Option<PathBuf>,
    /// Further name by which clients reach the server, as that of a proxy
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Origin whose pages may ask, as https://example.org
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,
    /// Address that gets a POST at the end of each turn and of each run, or for #only=TYPES; several are allowed
    ///
    /// Options follow a #, joined with &: only=turn_*,exit chooses types of events, from=start begins with the oldest run instead
    /// of now, name=NAME keeps its place when the address changes, and header, bearer, ca, timeout and retry are those of `spile
    /// tee`. Events of a run come in order, each at least once, with a `webhook-id` that stays.
    #[arg(long, value_name = "URL", help_heading = "Webhooks")]
    webhook: Vec<String>,
    /// File with the secret of the signatures (Standard Webhooks: whsec_ and base64), that only you can read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "webhook", help_heading = "Webhooks")]
    webhook_secret_file: Option<PathBuf>,
    /// Let webhooks lead to private addresses and to this machine
    #[arg(long, requires = "webhook", help_heading = "Webhooks")]
    webhook_private: bool,
    /// Runs that may live at a time; more are refused with 429
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..))]
    max_runs: u16,
    /// Connections at a time; more are refused with 429
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_clients: u32,
    /// Time for answers to go out after a signal that ends the server; a second signal ends it at once
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = common::duration)]
    linger: Duration,
    /// Fate of the runs that a server has started, at its end
    #[arg(long, value_name = "FATE", default_value = "keep", value_parser = common::named::<OnExit>())]
    on_exit: OnExit,
}

const EXAMPLES: &str = "Examples:
  spile serve --agent claude
  spile serve --agent claude --agent echo=cat \\
    --command 'test=make test' --listen unix:spile.sock
  curl --unix-socket spile.sock http://spile/runs \\
    --json '{\"prompt\": \"fix the tests\"}'
  curl --unix-socket spile.sock http://spile/runs | jq .runs";

pub(super) fn run(args: Args) -> Result<Exit> {
    let agents = agents::agents(&args.agent).map_err(usage)?;
    let commands = agents::commands(&args.command).map_err(usage)?;
    if agents.is_empty() {
        check_wrap(&args.wrap, &["--drive"])?;
    }
    for agent in &agents {
        for words in agent.resuming.iter().chain([&agent.words]) {
            let drive = if Agent::has_prompt(words) { &[][..] } else { &["--drive"] };
            super::wrap::check_places(words)
                .and_then(|()| check_wrap(&args.wrap, drive))
                .map_err(|why| usage(format!("agent {}: {why}", agent.name)))?;
        }
    }
    if args.token_file.is_none() && !args.listen.iter().all(Address::is_local) {
        return Err(usage("to listen beyond this machine, name a token with --token-file"));
    }
    if let Some(origin) = args.cors.iter().find(|origin| !is_origin(origin)) {
        return Err(usage(format!("{origin:?} is no origin: write it as https://example.org")));
    }
    let hooks = hooks(&args)?;
    let options = Options {
        listen: args.listen,
        agents,
        commands,
        wrap: args.wrap,
        root: args.root,
        token_file: args.token_file,
        hosts: args.host,
        cors: args.cors,
        max_runs: args.max_runs.into(),
        max_clients: usize::try_from(args.max_clients)?,
        linger: args.linger,
        on_exit: args.on_exit,
    };
    serve::serve(options, hooks)
}

/// Checks the options of `start` that every agent gets, beside those of the server's own.
fn check_wrap(wrap: &[String], drive: &[&str]) -> Result<()> {
    if let Some(word) = wrap.iter().find(|word| !word.starts_with("--") || *word == "--") {
        return Err(usage(format!("{word:?} is no option: write it as --wrap=--redact")));
    }
    let Some(tree) = super::tree_of("start") else { return Ok(()) };
    let before = ["spile", "start", "--by=runs", "--stream=x"];
    let behind = [&["--prompt-file=-"], drive, &["--", "agent"]].concat();
    let words = before.into_iter().chain(wrap.iter().map(String::as_str)).chain(behind);
    tree.try_get_matches_from(words).map(|_| ()).map_err(|e| {
        if !e.use_stderr() {
            return usage("--wrap: --help starts no agent");
        }
        // What stands behind the first empty line is the usage of `start`.
        let text = e.to_string();
        let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
        let why = lines.collect::<Vec<_>>().join(" ");
        usage(format!("--wrap: {}", why.strip_prefix("error: ").unwrap_or(&why)))
    })
}

/// Webhooks of the options, each opened once to see that it can be.
fn hooks(args: &Args) -> Result<HookOptions> {
    let mut webhooks: Vec<Webhook> = Vec::new();
    for text in &args.webhook {
        let wrong = |why| usage(format!("webhook {:?}: {why}", masked(text)));
        let webhook = Webhook::parse(text).map_err(wrong)?;
        if webhooks.iter().any(|other| other.key == webhook.key) {
            return Err(wrong("is given twice: name=NAME tells two of one address apart".into()));
        }
        webhooks.push(webhook);
    }
    let keys = match &args.webhook_secret_file {
        None => None,
        Some(path) => {
            let text = read_secret("secret", path)?;
            let wrong = |why| usage(format!("{}: {why}", path.display()));
            Some(SigningKeys::parse(&text).map_err(wrong)?)
        }
    };
    let reach = if args.webhook_private { Reach::Private } else { Reach::Public };
    let hooks = HookOptions { webhooks, keys, reach };
    for (text, webhook) in args.webhook.iter().zip(&hooks.webhooks) {
        hooks.open(webhook).map_err(|why| usage(format!("webhook {:?}: {why}", masked(text))))?;
    }
    Ok(hooks)
}

/// True for a scheme and a host without a path.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or(text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '*']))
}
