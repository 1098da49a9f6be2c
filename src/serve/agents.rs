//! Definitions of what may be started: a name and a command line, split into words once, without a shell.

#[cfg(test)]
mod tests;

/// Place of the prompt in a command line.
const PROMPT: &str = "{prompt}";

/// Place of the session that is resumed.
const SESSION: &str = "{session}";

/// Word that stands for further words of a command that are no options.
const ARGS: &str = "{args}";

/// As [`ARGS`], with options.
const ANY_ARGS: &str = "{args:any}";

/// Places that `start` fills, so that no value of a client may have them.
const PLACES: &[&str] = &[PROMPT, "{context}"];

/// Command lines of runtimes that need no definition, and how they resume a session.
const KNOWN: &[(&str, &str, Option<&str>)] = &[
    ("claude", "claude", Some("claude --resume={session}")),
    ("codex", "codex app-server", None),
    ("gemini", "gemini --experimental-acp", None),
    ("opencode", "opencode acp", None),
];

/// Longest name, in bytes.
const MAX_NAME: usize = 64;

/// Agent that may be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub name: String,
    /// Command line of a new session.
    pub words: Vec<String>,
    /// Command line that resumes a session.
    pub resuming: Option<Vec<String>>,
}

/// Command that may be started without a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectCommand {
    pub name: String,
    pub words: Vec<String>,
}

/// Agents from their definitions, `NAME` or `NAME=COMMANDLINE`, the default one first. Of two with the same name one has
/// `{session}` and resumes.
pub fn agents(definitions: &[String]) -> Result<Vec<Agent>, String> {
    let mut agents: Vec<Agent> = Vec::new();
    for definition in definitions {
        let Some((name, line)) = definition.split_once('=') else {
            add(&mut agents, known(definition)?)?;
            continue;
        };
        let words = checked(name, line)?;
        let resumes = words.iter().any(|word| word.contains(SESSION));
        let other = agents.iter_mut().find(|agent| agent.name == name);
        match (other, resumes) {
            (Some(agent), true) if agent.resuming.is_none() => agent.resuming = Some(words),
            (None, true) => {
                return Err(format!(
                    "{name}: a command line with {{session}} resumes; define how the agent starts before"
                ));
            }
            _ => add(&mut agents, Agent { name: name.to_owned(), words, resuming: None })?,
        }
    }
    Ok(agents)
}

fn add(agents: &mut Vec<Agent>, agent: Agent) -> Result<(), String> {
    if agents.iter().any(|known| known.name == agent.name) {
        return Err(format!("the agent {} is defined twice", agent.name));
    }
    agents.push(agent);
    Ok(())
}

fn known(name: &str) -> Result<Agent, String> {
    let Some((_, line, resuming)) = KNOWN.iter().find(|(known, ..)| *known == name) else {
        let names: Vec<&str> = KNOWN.iter().map(|(name, ..)| *name).collect();
        return Err(format!(
            "{name} has no known command line: write {name}=COMMANDLINE (known are {})",
            names.join(", ")
        ));
    };
    let resuming = resuming.map(|line| checked(name, line)).transpose()?;
    Ok(Agent { name: name.to_owned(), words: checked(name, line)?, resuming })
}

/// Commands from their definitions, `NAME=COMMANDLINE`.
pub fn commands(definitions: &[String]) -> Result<Vec<DirectCommand>, String> {
    let mut commands: Vec<DirectCommand> = Vec::new();
    for definition in definitions {
        let (name, line) = definition
            .split_once('=')
            .ok_or_else(|| format!("{definition}: write NAME=COMMANDLINE"))?;
        if commands.iter().any(|known| known.name == name) {
            return Err(format!("the command {name} is defined twice"));
        }
        commands.push(DirectCommand { name: name.to_owned(), words: checked(name, line)? });
    }
    Ok(commands)
}

/// Words of a command line with a name that may be used in a URL.
fn checked(name: &str, line: &str) -> Result<Vec<String>, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty()
        || name.len() > MAX_NAME
        || !name.bytes().all(is_name)
        || name.starts_with('-')
    {
        return Err(format!("{name:?} is no name: it has 1 to {MAX_NAME} of A-Z a-z 0-9 . _ -"));
    }
    let words = words(line).map_err(|why| format!("{name}: {why}"))?;
    if words.is_empty() {
        return Err(format!("{name}: the command line is empty"));
    }
    Ok(words)
}

impl Agent {
    /// True if the prompt stands in the command line; else it is given by the agent's protocol or on its stdin.
    pub fn has_prompt(words: &[String]) -> bool {
        words.iter().any(|word| word.contains(PROMPT))
    }

    /// Command line that resumes this session, which is checked; `None` if the agent has none.
    pub fn resume(&self, session: &str) -> Option<Vec<String>> {
        let words = self.resuming.as_ref()?;
        Some(words.iter().map(|word| word.replace(SESSION, session)).collect())
    }
}

/// Checks a session that may stand in a command line: it is no option and no place for another value.
pub fn check_session(session: &str) -> Result<(), String> {
    let wrong = match session {
        "" => "is empty",
        session if session.starts_with('-') => {
            "begins with -, so the agent would take it for an option"
        }
        session if session.chars().any(char::is_control) => "has control characters",
        session if has_place(session) => {
            "has {prompt} or {context}, which stand in definitions alone"
        }
        _ => return Ok(()),
    };
    Err(format!("session {wrong}"))
}

fn has_place(word: &str) -> bool {
    PLACES.iter().any(|place| word.contains(place))
}

impl DirectCommand {
    /// Command line of a call: `given` stands at `{args}`, or nowhere.
    pub fn call(&self, given: &[String]) -> Result<Vec<String>, String> {
        let place = self.words.iter().position(|word| word == ARGS || word == ANY_ARGS);
        let Some(place) = place else {
            return match given.is_empty() {
                true => Ok(self.words.clone()),
                false => Err(format!("the command {} takes no further words", self.name)),
            };
        };
        let is_option = |word: &&String| word.starts_with('-');
        if self.words[place] == ARGS
            && let Some(option) = given.iter().find(is_option)
        {
            return Err(format!("the command {} takes no options: {option}", self.name));
        }
        if let Some(word) = given.iter().find(|word| has_place(word)) {
            return Err(format!(
                "the command {} takes no {{prompt}} and no {{context}}: {word}",
                self.name
            ));
        }
        let mut all = self.words.clone();
        all.splice(place..=place, given.iter().cloned());
        Ok(all)
    }
}

/// Name and further words of a direct command: `test fast`, or `EXECUTE test fast`.
pub fn direct(text: &str) -> Result<(String, Vec<String>), String> {
    let mut words = words(text)?;
    if words.first().is_some_and(|word| word == "EXECUTE") {
        words.remove(0);
    }
    if words.is_empty() {
        return Err("the command is empty".into());
    }
    let name = words.remove(0);
    Ok((name, words))
}

/// Splits a line at white space. Quotes and a backslash keep it; nothing else has a meaning.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), '\\') => {
                let next = chars.next().ok_or("a backslash at the end stands for nothing")?;
                word.get_or_insert_default().push(next);
            }
            (None, c) if c.is_whitespace() => all.extend(word.take()),
            (_, '\0') => return Err("a word has a NUL byte".into()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    all.extend(word);
    Ok(all)
}
