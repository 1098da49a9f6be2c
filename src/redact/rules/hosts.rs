//! Tokens of hosts of code and of package registries. A row never holds an example in full: hosts of code refuse pushes
//! with such texts.

use super::{Rule, word};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "github-token",
        description: "GitHub personal, OAuth, user or refresh token",
        regex: word!("(?:ghp_|gho_|ghu_|ghr_)[A-Za-z0-9]{36,}"),
        until: None,
        source: "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github; https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats",
        secrets: &["ghp_<36 alnum>", "gho_<36 alnum>", "ghu_<36 alnum>", "ghr_<76 alnum>"],
        others: &["ghp_...", "ghp_<35 alnum>", "ghp_token_of_the_user_that_runs_the_workflow"],
    },
    Rule {
        name: "github-app-token",
        description: "GitHub installation token, also of Actions, opaque or a JWT",
        regex: word!("ghs_[A-Za-z0-9_-]{36,}(?:\\.[A-Za-z0-9_-]+){0,2}"),
        until: None,
        source: "https://github.blog/changelog/2026-05-15-github-app-installation-tokens-per-request-override-header",
        secrets: &["ghs_<36 alnum>", "ghs_<6 digits>_eyJhbGciO<30 alnum>.eyJ<200 url>.<86 url>"],
        others: &["ghs_...", "billion_laughs_<36 alnum>", "ghs_<35 alnum>"],
    },
    Rule {
        name: "github-fine-grained-token",
        description: "GitHub fine-grained personal access token",
        regex: word!("github_pat_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
        until: None,
        source: "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
        secrets: &["github_pat_«<22 alnum>_<59 alnum>»"],
        others: &["github_pat_...", "github_pat_<22 alnum>", "github_pat_token_of_the_bot"],
    },
    Rule {
        name: "gitlab-token",
        description: "GitLab token: personal, deploy, runner, job, trigger, feed, mail, agent, OAuth, SCIM",
        regex: concat!(
            "(?<word_start>)(?<secret>(?:glpat-|gloas-|gldt-|glrt-|glrtr-|glcbt-|glptt-|glft-|glimt-|glagent-|glwt-|glsoat-|glffct-)",
            r"[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2}\.[0-9a-z]{7,9})?)"
        ),
        until: None,
        source: "https://docs.gitlab.com/security/tokens/#token-prefixes",
        secrets: &[
            "glpat-<20 url>",
            "glrt-<20 url>",
            "glpat-<27 url>.01.<9 lower>",
            "glagent-<50 url>",
        ],
        others: &["glpat-...", "glpat-<10 url>", "glft-x"],
    },
    Rule {
        name: "npm-token",
        description: "npm access token",
        regex: word!("npm_", "[A-Za-z0-9]{36}(?-u:\\b)"),
        until: None,
        source: "https://github.blog/security/announcing-npms-new-access-token-format",
        secrets: &["npm_«<36 alnum>»"],
        others: &["npm_config_registry", "npm_package_name", "npm_<35 alnum>", "npm_<37 alnum>"],
    },
    Rule {
        name: "pypi-token",
        description: "PyPI API token",
        regex: word!("(?:pypi-AgEIcHlwaS5vcmc|pypi-AgENdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{50,}"),
        until: None,
        source: "https://pypi.org/help/#apitoken; https://github.com/gitleaks/gitleaks (pypi-upload-token)",
        secrets: &["pypi-AgEIcHlwaS5vcmc<130 url>", "pypi-AgENdGVzdC5weXBpLm9yZw<130 url>"],
        others: &["pypi-AgEIcHlwaS5vcmc...", "pypi-publish", "pypi-<130 lower>"],
    },
    Rule {
        name: "crates-io-token",
        description: "crates.io API token",
        regex: word!("cio(?:_tp_)?[A-Za-z0-9]{32}(?-u:\\b)"),
        until: None,
        source: "https://github.com/rust-lang/crates.io/blob/main/crates/crates_io_database/src/utils/token.rs",
        secrets: &["cio<32 alnum>", "cio_tp_<32 alnum>"],
        others: &["cioppino", "cio<31 alnum>", "servicio<32 alnum>"],
    },
    Rule {
        name: "docker-token",
        description: "Docker Hub access token, personal or of an organization",
        regex: word!("(?:dckr_pat_|dckr_oat_)[A-Za-z0-9_-]{27,}"),
        until: None,
        source: "https://docs.docker.com/security/access-tokens",
        secrets: &["dckr_pat_<27 url>", "dckr_oat_<32 url>"],
        others: &["dckr_pat_...", "dckr_pat_<10 url>"],
    },
];
