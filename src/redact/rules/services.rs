//! Tokens of other services. A row never holds an example in full: hosts of code refuse pushes with such texts.

use super::{Rule, keyed, word};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "slack-token",
        description: "Slack token of a bot, a user, an app or a session",
        regex: word!(
            "(?:xoxb-|xoxp-|xoxa-|xoxr-|xoxs-|xoxo-|xoxe-|xoxc-)[A-Za-z0-9-]{20,}|xoxd-[A-Za-z0-9%-]{20,}"
        ),
        until: None,
        source: "https://docs.slack.dev/authentication/tokens",
        secrets: &[
            "xoxb-<12 digits>-<13 digits>-<24 alnum>",
            "xoxp-<12 digits>-<12 digits>-<12 digits>-<32 hex>",
            "xoxe.«xoxp-1-<60 alnum>»",
            "d=«xoxd-<40 alnum>%2F<40 alnum>%3D»;",
        ],
        others: &["xoxb-your-token", "xoxb-...", "xoxb-1234-abcd"],
    },
    Rule {
        name: "slack-app-token",
        description: "Slack app-level token",
        regex: word!("xapp-[0-9]-[A-Z0-9]{8,}-[0-9]{8,}-[0-9a-f]{40,}"),
        until: None,
        source: "https://docs.slack.dev/authentication/tokens",
        secrets: &["xapp-1-A<10 upper>-<13 digits>-<64 hex>"],
        others: &["xapp-1-...", "xapp-your-token"],
    },
    Rule {
        name: "slack-webhook",
        description: "Path of a Slack webhook",
        regex: word!(
            r"hooks\.slack\.com\\{0,4}/(?:services|workflows|triggers)\\{0,4}/",
            r"[A-Za-z0-9+_-]{6,}(?:\\{0,4}/[A-Za-z0-9+_-]{6,}){2,}"
        ),
        until: None,
        source: "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
        secrets: &[
            "https://hooks.slack.com/services/«T<10 upper>/B<10 upper>/<24 alnum>»",
            r#""https:\/\/hooks.slack.com\/services\/«T<10 upper>\/B<10 upper>\/<24 alnum>»""#,
        ],
        others: &["https://hooks.slack.com/services/", "https://hooks.slack.com/services/T/B/X"],
    },
    Rule {
        name: "discord-webhook",
        description: "Token of a Discord webhook",
        regex: word!(
            r"(?:discord\.com|discordapp\.com)\\{0,4}/api\\{0,4}/(?:v[0-9]{1,2}\\{0,4}/)?webhooks\\{0,4}/[0-9]{15,20}\\{0,4}/",
            r"[A-Za-z0-9_-]{40,}"
        ),
        until: None,
        source: "https://discord.com/developers/docs/resources/webhook",
        secrets: &[
            "https://discord.com/api/webhooks/<19 digits>/«<68 url>»",
            "https://discordapp.com/api/v10/webhooks/<18 digits>/«<68 url>»",
        ],
        others: &[
            "https://discord.com/api/webhooks/123/abc",
            "https://discord.com/api/webhooks/<19 digits>/messages",
        ],
    },
    Rule {
        name: "telegram-token",
        description: "Telegram bot token, behind the id of the bot",
        regex: "[0-9]:(?<secret>AA[A-Za-z0-9_-]{33}(?-u:\\b))",
        until: None,
        source: "https://core.telegram.org/bots/api#authorizing-your-bot",
        secrets: &[
            "<10 digits>:«AA<33 url>»",
            "https://api.telegram.org/bot<10 digits>:«AA<33 url>»/getMe",
        ],
        others: &[
            "12:AA",
            "<10 digits>:<35 lower>",
            "<10 digits>:AA<20 alnum>",
            "<10 digits>:AA<43 alnum>",
        ],
    },
    Rule {
        name: "stripe-key",
        description: "Stripe secret or restricted key",
        regex: word!("(?:sk_live_|rk_live_|sk_test_|rk_test_)[A-Za-z0-9]{16,}"),
        until: None,
        source: "https://docs.stripe.com/keys",
        secrets: &["sk_live_<24 alnum>", "sk_test_<99 alnum>", "rk_live_<99 alnum>"],
        others: &["sk_test_...", "task_test_<24 alnum>", "sk_live_<8 alnum>", "pk_live_<24 alnum>"],
    },
    Rule {
        name: "twilio-auth-token",
        description: "Twilio auth token beside its name",
        regex: keyed!(
            "TWILIO_AUTH_TOKEN|twilio_auth_token|twilioAuthToken|TWILIO_API_SECRET",
            "[0-9A-Za-z]{32}(?-u:\\b)"
        ),
        until: None,
        source: "https://www.twilio.com/docs/iam/api/authtoken",
        secrets: &["TWILIO_AUTH_TOKEN=«<32 hex>»", "twilio_auth_token: \"«<32 hex>»\""],
        others: &["TWILIO_AUTH_TOKEN=", "TWILIO_AUTH_TOKEN=your_auth_token", "AC<32 hex>"],
    },
    Rule {
        name: "sendgrid-key",
        description: "SendGrid API key",
        regex: word!("SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}"),
        until: None,
        source: "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
        secrets: &["SG.<22 url>.<43 url>"],
        others: &["SG.", "MSG.<22 url>.<43 url>", "SG.<22 url>"],
    },
    Rule {
        name: "shopify-token",
        description: "Shopify access token or shared secret",
        regex: word!("(?:shpat_|shpca_|shppa_|shpss_|shpua_)[0-9a-fA-F]{32}"),
        until: None,
        source: "https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing; https://shopify.dev/changelog/app-secret-key-length-has-increased",
        secrets: &["shpat_<32 hex>", "shpss_<32 hex>"],
        others: &["shpat_...", "shpat_<10 hex>"],
    },
    Rule {
        name: "figma-token",
        description: "Figma personal access token",
        regex: word!("(?:figd_|figu_|figo_)[A-Za-z0-9_-]{38,}"),
        until: None,
        source: "https://developers.figma.com/docs/rest-api/personal-access-tokens; https://github.com/trufflesecurity/trufflehog (figmapersonalaccesstoken)",
        secrets: &["figd_<40 url>"],
        others: &["figd_...", "figd_<10 url>"],
    },
    Rule {
        name: "notion-token",
        description: "Notion integration token",
        regex: word!("ntn_[0-9]{11}[A-Za-z0-9]{35}"),
        until: None,
        source: "https://developers.notion.com/page/notion-platform-roadmap (ntn_); https://github.com/gitleaks/gitleaks (notion-api-token)",
        secrets: &["ntn_<11 digits><35 alnum>"],
        others: &["ntn_...", "secret_key_base", "ntn_<46 letters>"],
    },
    Rule {
        name: "linear-key",
        description: "Linear API key or OAuth token",
        regex: word!("(?:lin_api_|lin_oauth_)[A-Za-z0-9]{32,}"),
        until: None,
        source: "https://linear.app/developers/graphql; https://github.com/gitleaks/gitleaks (linear-api-key)",
        secrets: &["lin_api_<40 alnum>", "lin_oauth_<64 hex>"],
        others: &["lin_api_...", "berlin_api_<40 alnum>", "lin_api_key"],
    },
    Rule {
        name: "supabase-key",
        description: "Supabase secret key or access token",
        regex: word!("(?:sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{30,})"),
        until: None,
        source: "https://supabase.com/docs/guides/getting-started/api-keys",
        secrets: &["sbp_<40 hex>", "sb_secret_<22 url>_<8 alnum>"],
        others: &["sbp_...", "sb_secret_key", "sb_publishable_<31 url>"],
    },
];
