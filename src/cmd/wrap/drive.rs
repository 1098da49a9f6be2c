//! Options of `spile wrap` about the agent's input: `--drive`, the prompt, its context, and permission.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::ValueHint;

use super::words;
use crate::adapter;
use crate::cmd::{common, usage};
use crate::drive::{Config, Input, MAX_ARGUMENT, MAX_MESSAGE, OnPermission};
use crate::run::Drive;

/// Place of the prompt in a command line.
const PROMPT: &str = "{prompt}";

/// Place of the context files in a command line.
const CONTEXT: &str = "{context}";

/// Options about the agent's input.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Input of a command that wrap starts")]
pub(super) struct DriveArgs {
    /// Own the agent's stdin: give it the prompt, take messages, and answer its questions
    ///
    /// The protocol is that of the runtime: Claude Code (the options that it needs are added), agents of the Agent Client
    /// Protocol, codex app-server; with --pty text is typed. Any other agent only gets its prompt, on stdin. `spile send`,
    /// `spile permit` and `spile cancel` reach the run. The input is closed when a turn has ended and nothing has come for
    /// --keep-open.
    #[arg(long, conflicts_with = "stdin")]
    drive: bool,
    /// First prompt, by the protocol or stdin, or at {prompt} in the command: behind -- or at the end of a word
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<OsString>,
    /// File with the first prompt; - is stdin
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "prompt")]
    prompt_file: Option<PathBuf>,
    /// File that belongs to the prompt: its content follows it, or its path stands at {context} in the command
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    context: Vec<PathBuf>,
    /// Policy for the agent's questions for permission: fail, wait, allow:LIST or cmd:COMMAND [default: fail]
    ///
    /// fail: the turn fails with the code `permission`. wait: `spile permit` does. allow:LIST: tools by name or kind:KIND, as in
    /// allow:Read,kind:search, are allowed, others denied. cmd:COMMAND: a shell command gets the question as JSON on stdin and
    /// prints `allow` or `deny REASON`; anything else, and a failure, is a denial.
    #[arg(long, value_name = "HOW", value_parser = OnPermission::parse, requires = "drive")]
    on_permission: Option<OnPermission>,
    /// Denial of a question that has no answer by then; 0 is no limit [default: 60s for cmd:COMMAND]
    #[arg(long, value_name = "TIME", value_parser = common::duration, requires = "drive")]
    permission_timeout: Option<Duration>,
    /// Time for another message after a turn, before the agent's input is closed
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = common::duration)]
    keep_open: Duration,
    /// Session of the agent to continue, by the Agent Client Protocol or codex app-server
    #[arg(long, value_name = "ID", requires = "drive")]
    session: Option<String>,
}

/// Input of an agent and the command line with it.
pub(super) struct Prepared {
    pub argv: Vec<OsString>,
    pub drive: Option<Drive>,
    /// Prompt as it was given, with its context.
    pub prompt: Option<OsString>,
}

impl DriveArgs {
    /// First given option that needs a command.
    pub(super) fn needs_command(&self) -> Option<&'static str> {
        common::first_given(&[
            (self.drive, "--drive"),
            (self.prompt.is_some(), "--prompt"),
            (self.prompt_file.is_some(), "--prompt-file"),
            (!self.context.is_empty(), "--context"),
        ])
    }

    /// True if the prompt comes on stdin.
    pub(super) fn reads_stdin(&self) -> bool {
        self.prompt_file.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }

    /// Puts prompt and context where they belong. `from` is the adapter, if it is named.
    pub(super) fn prepare(
        self,
        argv: Vec<OsString>,
        from: Option<&str>,
        at_terminal: Terminal,
    ) -> Result<Prepared> {
        let mut prompt = self.prompt()?;
        let own = prompt.as_ref().map_or(0, |prompt| prompt.len());
        let names_context = argv.iter().any(|word| contains(word, CONTEXT));
        if !names_context && !self.context.is_empty() {
            let text = prompt.as_mut().ok_or_else(|| {
                usage("--context belongs to a prompt: add --prompt or --prompt-file, or write {context} in the command")
            })?;
            append(text, &self.context)?;
        }
        let argv = with_context(argv, &self.context)?;
        let (mut argv, in_command) = with_prompt(argv, prompt.as_deref())?;
        let given = prompt.clone();
        let prompt = prompt.filter(|_| !in_command).map(|it| checked(it, own)).transpose()?;
        if !self.drive && prompt.is_none() {
            return Ok(Prepared { argv, drive: None, prompt: given });
        }
        let input = match at_terminal {
            _ if !self.drive => Input::Prompt,
            Terminal::Yes => Input::Terminal,
            Terminal::No => {
                let words = words(&argv);
                let named = adapter::by_command(&words).map(|(spec, _)| spec.name);
                let input = Input::of(from.or(named).unwrap_or_default(), &words);
                add(&mut argv, &input.arguments(&words));
                input
            }
        };
        if self.session.is_some() && !input.continues_sessions() {
            return Err(usage(
                "--session is for agents of the Agent Client Protocol and codex app-server; others have an option of their own",
            ));
        }
        if self.on_permission.is_some() && !input.asks() {
            return Err(usage(
                "--on-permission is for agents that ask by their protocol: Claude Code, agents of the Agent Client Protocol, codex app-server (--from names one behind a script)",
            ));
        }
        let on_permission = self.on_permission.unwrap_or(OnPermission::Fail);
        let default = matches!(on_permission, OnPermission::Command(_)).then_some(ANSWER_WITHIN);
        let config = Config {
            input,
            folder: std::env::current_dir()?.to_string_lossy().into_owned(),
            session: self.session,
            permission_timeout: common::limit(self.permission_timeout.or(default)),
            on_permission,
            keep_open: self.keep_open,
        };
        Ok(Prepared { argv, drive: Some(Drive { config, prompt }), prompt: given })
    }

    fn prompt(&self) -> Result<Option<OsString>> {
        let text = match (&self.prompt, &self.prompt_file) {
            (Some(text), _) => text.clone(),
            (None, None) => return Ok(None),
            (None, Some(path)) => {
                let mut text = Vec::new();
                let most = u64::try_from(MAX_MESSAGE).unwrap_or(u64::MAX) + 1;
                let read = match path.as_os_str() == "-" {
                    true => std::io::stdin().lock().take(most).read_to_end(&mut text),
                    false => std::fs::File::open(path)
                        .and_then(|file| file.take(most).read_to_end(&mut text)),
                };
                read.map_err(|e| usage(format!("cannot read the prompt {}: {e}", path.display())))?;
                OsString::from_vec(text)
            }
        };
        match text.is_empty() {
            true => Err(usage("the prompt is empty")),
            false => Ok(Some(text)),
        }
    }
}

/// Terminal of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terminal {
    Yes,
    No,
}

/// Time for the command of `--on-permission`.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

fn contains(word: &OsStr, part: &str) -> bool {
    memchr::memmem::find(word.as_bytes(), part.as_bytes()).is_some()
}

/// The prompt as text that can be given. Its first `own` bytes are the prompt itself, the others its context.
fn checked(prompt: OsString, own: usize) -> Result<String> {
    let text = prompt.into_string().map_err(|text| {
        let is_own = str::from_utf8(&text.as_bytes()[..own]).is_err();
        let part = if is_own { "prompt" } else { "context" };
        usage(format!("the {part} is not valid UTF-8"))
    })?;
    if let Some(at) = text.find('\0') {
        let part = if at < own { "prompt" } else { "context" };
        return Err(usage(format!("the {part} has a NUL byte")));
    }
    if text.len() > MAX_MESSAGE {
        let with = if own > MAX_MESSAGE || own == text.len() { "" } else { " with its context" };
        return Err(usage(format!(
            "the prompt{with} is longer than 1 MiB: put the rest into a file, and name the file",
        )));
    }
    Ok(text)
}

/// Appends the contents of files, each under a line with its name.
fn append(prompt: &mut OsString, files: &[PathBuf]) -> Result<()> {
    for path in files {
        let text = std::fs::read(path)
            .map_err(|e| usage(format!("cannot read the context {}: {e}", path.display())))?;
        prompt.push("\n\n--- ");
        prompt.push(path);
        prompt.push(" ---\n");
        prompt.push(OsStr::from_bytes(text.strip_suffix(b"\n").unwrap_or(&text)));
    }
    Ok(())
}

/// The command line with the paths of the context in it.
fn with_context(argv: Vec<OsString>, files: &[PathBuf]) -> Result<Vec<OsString>> {
    let mut all = Vec::with_capacity(argv.len() + files.len());
    for word in argv {
        if word == CONTEXT {
            all.extend(files.iter().map(|path| as_argument(path)));
        } else if contains(&word, CONTEXT) {
            return Err(usage(
                "{context} is a word of its own in the command: each file becomes one",
            ));
        } else {
            all.push(word);
        }
    }
    Ok(all)
}

/// The path as an argument that is no option.
fn as_argument(path: &Path) -> OsString {
    match path.as_os_str().as_bytes().starts_with(b"-") {
        true => Path::new(".").join(path).into_os_string(),
        false => path.as_os_str().to_owned(),
    }
}

/// The command line with the prompt in it; true if it has a place for one.
pub(super) fn with_prompt(
    argv: Vec<OsString>,
    prompt: Option<&OsStr>,
) -> Result<(Vec<OsString>, bool)> {
    let mut all = Vec::with_capacity(argv.len());
    let (mut behind, mut found) = (false, false);
    for word in argv {
        let Some(at) = memchr::memmem::find(word.as_bytes(), PROMPT.as_bytes()) else {
            behind |= word == "--";
            all.push(word);
            continue;
        };
        let Some(prompt) = prompt else {
            return Err(usage(
                "there is no prompt for {prompt} in the command: add --prompt or --prompt-file",
            ));
        };
        let ends = at + PROMPT.len() == word.len();
        if !ends || (at == 0 && !behind) {
            return Err(usage(
                "{prompt} stands at the end of a word (--prompt={prompt}) or behind --: elsewhere a prompt that begins with - would be an option",
            ));
        }
        if word.as_bytes()[..at].iter().any(u8::is_ascii_whitespace) {
            return Err(usage(
                "{prompt} stands in a word with white space: a shell would run the prompt; write sh -c 'agent -p \"$1\"' -- {prompt}",
            ));
        }
        if prompt.len() > MAX_ARGUMENT || memchr::memchr(0, prompt.as_bytes()).is_some() {
            return Err(usage(
                "the prompt has a NUL byte or more than 100 KiB, which no argument may have: give it without {prompt}, by --drive or on stdin",
            ));
        }
        let mut whole = OsString::from_vec(word.as_bytes()[..at].to_vec());
        whole.push(prompt);
        all.push(whole);
        found = true;
    }
    Ok((all, found))
}

/// Puts arguments behind the program's name.
fn add(argv: &mut Vec<OsString>, arguments: &[String]) {
    // The options of a script that starts the agent are its author's.
    let is_agent = |word: &OsString| Path::new(word).file_name() == Some(OsStr::new("claude"));
    if argv.first().is_some_and(is_agent) {
        argv.splice(1..1, arguments.iter().map(OsString::from));
    }
}
