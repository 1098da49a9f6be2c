//! CI systems: detection by the environment, and the commands that fold a log and mark failures.
//!
//! Sources: GitHub, "Workflow commands" and the runner's `ActionCommand.cs` (`::name key=value,key=value::data`; `%`, CR and LF
//! are escaped in data, `:` and `,` in values too); GitLab, "Custom collapsible sections" (names of letters, digits, `_`, `.`
//! and `-`, each once in a job; times in seconds).

use std::ffi::OsString;

/// Annotations that GitHub shows for a step, of each severity.
pub const MAX_ANNOTATIONS: usize = 10;

/// Variables that systems without commands of ours set.
const OTHERS: [&str; 7] = [
    "CI",
    "TF_BUILD",
    "TEAMCITY_VERSION",
    "JENKINS_URL",
    "BUILDKITE",
    "CIRCLECI",
    "CODEBUILD_BUILD_ID",
];

/// System that runs this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Github,
    Gitlab,
    Other,
}

impl System {
    /// The system whose variables are set, if any is.
    pub fn detect(var: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let is_set = |name: &str| {
            var(name).is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
        };
        match () {
            () if is_set("GITHUB_ACTIONS") => Some(Self::Github),
            () if is_set("GITLAB_CI") => Some(Self::Gitlab),
            () if OTHERS.into_iter().any(is_set) => Some(Self::Other),
            () => None,
        }
    }

    /// Start and end of a foldable part of the log; `None` if the system has none. The title stands between `open` and a line
    /// feed.
    pub fn section(self, section: &Section<'_>) -> Option<(String, String)> {
        match self {
            Self::Github => {
                let open = format!("::group::{}", data(section.title));
                Some((open, "::endgroup::".to_owned()))
            }
            Self::Gitlab => {
                let Section { name, title, began, ended, fold } = section;
                let fold = if *fold == Fold::Closed { "[collapsed=true]" } else { "" };
                let open = format!("\x1b[0Ksection_start:{began}:{name}{fold}\r\x1b[0K{title}");
                Some((open, format!("\x1b[0Ksection_end:{ended}:{name}\r\x1b[0K")))
            }
            Self::Other => None,
        }
    }

    /// Mark of a failure for the overview of a run; `None` if the system has none.
    pub fn annotation(self, severity: &str, title: &str, message: &str) -> Option<String> {
        let title = value(title);
        (self == Self::Github).then(|| format!("::{severity} title={title}::{}", data(message)))
    }
}

/// Foldable part of a log.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// Name that no other section of the job has.
    pub name: &'a str,
    pub title: &'a str,
    /// Seconds since 1970.
    pub began: u64,
    pub ended: u64,
    pub fold: Fold,
}

/// State of a section before a reader opens or closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    Open,
    Closed,
}

/// Data of a command of GitHub.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Value of a property of such a command.
fn value(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_known_by_its_variables() {
        let detect = |set: &[(&str, &str)]| {
            System::detect(|name| {
                let (_, value) = set.iter().find(|(key, _)| *key == name)?;
                Some((*value).into())
            })
        };
        assert_eq!(detect(&[]), None);
        assert_eq!(detect(&[("CI", "false"), ("GITLAB_CI", "")]), None);
        assert_eq!(detect(&[("CI", "true")]), Some(System::Other));
        assert_eq!(detect(&[("TF_BUILD", "True")]), Some(System::Other));
        assert_eq!(detect(&[("CI", "true"), ("GITHUB_ACTIONS", "true")]), Some(System::Github));
        assert_eq!(detect(&[("CI", "true"), ("GITLAB_CI", "true")]), Some(System::Gitlab));
    }

    #[test]
    fn text_in_a_command_does_not_end_it() {
        let hostile = "50%0A\r\n::error::x, a:b";
        let annotation = System::Github.annotation("error", hostile, hostile);
        let want = "::error title=50%250A%0D%0A%3A%3Aerror%3A%3Ax%2C a%3Ab\
                    ::50%250A%0D%0A::error::x, a:b";
        assert_eq!(annotation.as_deref(), Some(want));
        assert_eq!(System::Gitlab.annotation("error", "a", "b"), None);
    }

    #[test]
    fn sections_of_each_system() {
        let section =
            Section { name: "spile_9_3", title: "a 5%", began: 10, ended: 12, fold: Fold::Closed };
        let (open, close) = System::Github.section(&section).unwrap();
        assert_eq!((open.as_str(), close.as_str()), ("::group::a 5%25", "::endgroup::"));
        let (open, close) = System::Gitlab.section(&section).unwrap();
        assert_eq!(open, "\x1b[0Ksection_start:10:spile_9_3[collapsed=true]\r\x1b[0Ka 5%");
        assert_eq!(close, "\x1b[0Ksection_end:12:spile_9_3\r\x1b[0K");
        let (open, _) = System::Gitlab.section(&Section { fold: Fold::Open, ..section }).unwrap();
        assert!(open.contains("section_start:10:spile_9_3\r"));
        assert_eq!(System::Other.section(&section), None);
    }
}
