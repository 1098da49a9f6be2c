//! Policy for an agent's questions: who answers them.

use super::protocol::Question;

/// Answerer of the questions for permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnPermission {
    /// Nobody: the turn fails.
    Fail,
    /// A person, by `spile permit`.
    Wait,
    /// A list: its tools are allowed, others denied.
    Allow(AllowList),
    /// A command for each question.
    Command(String),
}

/// Names of tools, and `kind:KIND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowList(Vec<String>);

impl AllowList {
    pub(super) fn has(&self, question: &Question) -> bool {
        self.0.iter().any(|entry| match entry.strip_prefix("kind:") {
            Some(kind) => kind == question.kind,
            None => question.name.as_deref() == Some(entry),
        })
    }
}

/// Canonical kinds of tools.
pub(super) const KINDS: [&str; 9] =
    ["read", "edit", "delete", "move", "search", "execute", "fetch", "think", "other"];

impl OnPermission {
    /// Policy from an option; the error says what is right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "fail" => Ok(Self::Fail),
            None if text == "wait" => Ok(Self::Wait),
            Some(("cmd", command)) if !command.trim().is_empty() => {
                Ok(Self::Command(command.to_owned()))
            }
            Some(("allow", list)) if !list.is_empty() => {
                let entries: Vec<String> = list.split(',').map(|e| e.trim().to_owned()).collect();
                let unknown = entries.iter().filter_map(|entry| entry.strip_prefix("kind:"));
                if let Some(kind) = unknown.into_iter().find(|kind| !KINDS.contains(kind)) {
                    return Err(format!("there is no kind {kind}: {}", KINDS.join(", ")));
                }
                match entries.iter().any(String::is_empty) {
                    true => Err("a name in the list is empty".into()),
                    false => Ok(Self::Allow(AllowList(entries))),
                }
            }
            _ => Err("write fail, wait, allow:TOOL,kind:KIND,... or cmd:COMMAND".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_and_a_wrong_one_explained() {
        assert_eq!(OnPermission::parse("fail"), Ok(OnPermission::Fail));
        assert_eq!(OnPermission::parse("wait"), Ok(OnPermission::Wait));
        let command = OnPermission::Command("ask.sh a:b".into());
        assert_eq!(OnPermission::parse("cmd:ask.sh a:b"), Ok(command));
        for wrong in ["", "allow", "allow:", "allow:a,,b", "allow:kind:all", "cmd:", "cmd: ", "yes"]
        {
            assert!(OnPermission::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_list_has_names_and_kinds() {
        let Ok(OnPermission::Allow(list)) = OnPermission::parse("allow:Bash, kind:read") else {
            panic!("it is a list");
        };
        let question = |tool: &str, kind| Question {
            id: "1".into(),
            tool: "Bash".into(),
            name: Some(tool.into()).filter(|name: &String| !name.is_empty()),
            kind,
            title: String::new(),
            request: serde_json::Value::Null,
        };
        assert!(list.has(&question("Bash", "execute")) && list.has(&question("Cat", "read")));
        assert!(!list.has(&question("", "execute")), "a title is no name");
        assert!(!list.has(&question("bash", "execute")) && !list.has(&question("Write", "edit")));
    }
}
