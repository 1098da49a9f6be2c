//! Keys and credentials of standards, not of a vendor. A row never holds an example in full: hosts of code refuse pushes
//! with such texts.

use super::{Rule, Until, keyed, word};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "vault-token",
        description: "HashiCorp Vault token: service, batch or recovery",
        regex: word!(r"(?:hvs\.|hvb\.|hvr\.)[A-Za-z0-9_-]{24,}"),
        until: None,
        source: "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes",
        secrets: &["hvs.<24 alnum>", "hvs.<91 url>", "hvb.<138 url>"],
        others: &["hvs.", "hvs.<10 alnum>"],
    },
    Rule {
        name: "jwt",
        description: "JSON Web Token, signed or encrypted",
        // The first member of the header: a parameter of RFC 7515 or RFC 7516, or one that is in use.
        regex: concat!(
            "(?<word_start>)(?<secret>(?:eyJhbGciO|eyJ0eXAiO|eyJraWQiO|eyJlbmMiO|eyJjdHkiO|eyJqa3UiO|eyJqd2siO|eyJ4NXUiO|eyJ4NWMiO|eyJ4NXQiO",
            "|eyJ6aXAiO|eyJiNjQiO|eyJlcGsiO|eyJhcHUiO|eyJjcml0Ij|eyJ2ZXIiO|eyJub25jZSI6|eyJpc3MiO)",
            r"[A-Za-z0-9_-]{8,}(?:\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?",
            r"|\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{16,24}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{21,}))",
        ),
        until: None,
        source: "https://www.rfc-editor.org/rfc/rfc7519; https://www.rfc-editor.org/rfc/rfc7516 (encrypted)",
        secrets: &[
            "eyJhbGciO<27 alnum>.eyJ<60 url>.<43 url>",
            "eyJ0eXAiO<60 alnum>.eyJ<600 url>.<342 url>",
            "eyJlbmMiO<40 alnum>..<16 url>.<80 url>.<22 url>",
        ],
        others: &[
            "eyJhbGciO",
            "eyJhbGciO<27 alnum>",
            "eyJpZCI6<20 alnum>.eyJ<40 alnum>",
            "eyJhbGciO<27 alnum>.png",
        ],
    },
    Rule {
        name: "age-secret-key",
        description: "Secret key of age",
        regex: word!("AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
        until: None,
        source: "https://github.com/C2SP/C2SP/blob/main/age.md",
        secrets: &["AGE-SECRET-KEY-1<58 bech32>"],
        others: &["AGE-SECRET-KEY-1...", "AGE-SECRET-KEY-1<20 bech32>", "age1<58 lower>"],
    },
    Rule {
        name: "authorization-header",
        description: "Token in an Authorization header: Bearer, Token or ApiKey",
        regex: keyed!(
            "Authorization|authorization|AUTHORIZATION",
            "(?:[Bb]earer|BEARER|[Tt]oken|[Aa]pi[Kk]ey)[ \\t]{1,4}",
            "[A-Za-z0-9._~+/-]{15,}[A-Za-z0-9_~+/-]={0,2}"
        ),
        until: None,
        source: "https://www.rfc-editor.org/rfc/rfc6750#section-2.1",
        secrets: &[
            "Authorization: Bearer «<32 alnum>»",
            r#""authorization": "Bearer «<64 url>»""#,
            r#"\"Authorization\":\"Bearer «<40 alnum>==»\""#,
            r#"headers.set("Authorization", "token «<40 hex>»")"#,
        ],
        others: &[
            "Authorization: Bearer $TOKEN",
            "Authorization: Bearer <token>",
            "the bearer of this letter of recommendation",
            "Authorization: Bearer ...",
        ],
    },
    Rule {
        name: "basic-auth-header",
        description: "User and password in an Authorization header",
        regex: keyed!(
            "Authorization|authorization|AUTHORIZATION",
            "(?:[Bb]asic|BASIC)[ \\t]{1,4}",
            // Whole groups of base64, so that a word of prose is none.
            r"(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}[=+/]|(?-u:\b))"
        ),
        until: None,
        source: "https://www.rfc-editor.org/rfc/rfc7617",
        secrets: &[
            "Authorization: Basic «<24 base64>»",
            r#""authorization": "Basic «<22 base64>==»""#,
            "Authorization: Basic «<15 base64>=»",
        ],
        others: &[
            "Authorization: Basic authentication",
            "Authorization: Basic $CREDENTIALS",
            "basic <24 base64>",
        ],
    },
    Rule {
        name: "api-key-header",
        description: "Key in a header such as X-Api-Key",
        regex: keyed!(
            "x-api-key|X-Api-Key|X-API-Key|X-API-KEY|x-goog-api-key|X-Goog-Api-Key|PRIVATE-TOKEN|Private-Token",
            "[A-Za-z0-9._~+/-]{19,}[A-Za-z0-9_~+/-]={0,2}"
        ),
        until: None,
        source: "https://swagger.io/docs/specification/v3_0/authentication/api-keys",
        secrets: &[
            "x-api-key: «<32 alnum>»",
            r#""X-Api-Key": "«<40 hex>»""#,
            "PRIVATE-TOKEN: «<20 alnum>»",
        ],
        others: &[
            "x-api-key: $KEY",
            "x-api-key: your-key",
            "'x-api-key': process.env['ANTHROPIC_API_KEY']",
        ],
    },
    Rule {
        name: "private-key",
        description: "Private key in PEM or in the armour of OpenPGP",
        // A marker in source code has no body; behind one that ends a text it may follow in the next event. Line numbers, a
        // prefix of grep or the headers of PEM may stand before a body.
        regex: concat!(
            "-----BEGIN (?:[A-Z0-9]{2,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
            r"(?:[\x00-\x7f→│]{0,120}[A-Za-z0-9+/]{40}|[\s\\nr]{0,8}$)"
        ),
        until: Some(Until {
            end: "-----END (?:[A-Z0-9]{2,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
            lines: 200,
        }),
        source: "https://www.rfc-editor.org/rfc/rfc7468; https://www.rfc-editor.org/rfc/rfc9580",
        secrets: &[
            concat!("-----BEGIN PRIVATE KEY--", "---\n<64 base64>\n-----END PRIVATE KEY-----"),
            concat!(
                "-----BEGIN RSA PRIVATE KEY--",
                "---\n<64 base64>\n<64 base64>\n<20 base64>==\n-----END RSA PRIVATE KEY-----"
            ),
            concat!(
                "-----BEGIN OPENSSH PRIVATE KEY--",
                "---\\n<70 base64>\\n-----END OPENSSH PRIVATE KEY-----"
            ),
            concat!(
                "-----BEGIN EC PRIVATE KEY--",
                "---\n     2→<64 base64>\n     3→-----END EC PRIVATE KEY-----"
            ),
            concat!(
                "-----BEGIN RSA PRIVATE KEY--",
                "---\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,<32 upper>\n\n<64 base64>\n-----END RSA PRIVATE KEY-----"
            ),
            concat!(
                "-----BEGIN PGP PRIVATE KEY BLOCK--",
                "---\n\n<64 base64>\n-----END PGP PRIVATE KEY BLOCK-----"
            ),
        ],
        others: &[
            "if \"-----BEGIN PRIVATE KEY-----\" in text:\n    raise ValueError(\"refused\")\n",
            "-----BEGIN CERTIFICATE-----\n<64 base64>\n-----END CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----\n<64 base64>\n-----END PUBLIC KEY-----",
        ],
    },
    Rule {
        name: "encoded-private-key",
        description: "Private key in PEM that is encoded in base64 once more, as in a kubeconfig",
        regex: concat!(
            "(?<word_start>)(?<secret>(?:LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tL|LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t",
            "|LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0t|LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZLS0tLS",
            "|LS0tLS1CRUdJTiBEU0EgUFJJVkFURSBLRVktLS0tL|LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBLRVktLS0tL)",
            r"(?:[A-Za-z0-9+]|\\{0,2}/){20,}={0,2})"
        ),
        until: None,
        source: "https://kubernetes.io/docs/reference/config-api/kubeconfig.v1 (client-key-data)",
        secrets: &[
            "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t<300 base64>==",
            "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tL<99 base64>",
        ],
        others: &[
            "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t",
            "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t<200 base64>",
        ],
    },
    Rule {
        name: "url-password",
        description: "Password in a URL, behind the name of the user",
        // Neither a reference such as ${PASSWORD} nor a port with the punctuation behind it is a password.
        regex: concat!(
            r#":(?://|\\/\\/|\\\\/\\\\/)[^\x00-\x20/?#@:"'`<>()\[\]{}|\\]*:"#,
            r#"(?<secret>(?:[0-9]{0,5}[A-Za-z!&+=~^_-]|[0-9]{0,5}%[0-9A-Fa-f]{2}|[0-9]{6}|[^\x00-\x7f])"#,
            r#"[^\s/?#@"'`<>\[\]{}|\\]{2,})@[A-Za-z0-9_\[%-]"#
        ),
        until: None,
        source: "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
        secrets: &[
            "postgres://app:«<12 alnum>»@db.example.com:5432/app",
            "redis://:«<20 alnum>»@localhost",
            "https://x-access-token:«<40 alnum>»@github.com/o/r.git",
            r#""https:\/\/user:«p%40ss-<8 alnum>»@example.com""#,
            "amqp://a:«1234567<4 alnum>»@h",
        ],
        others: &[
            "https://example.com:8443/path@x",
            "see http://localhost:11434, or a@example.com",
            "postgres://$USER:$PASSWORD@localhost",
            "postgres://{user}:{password}@localhost",
            "https://user:<password>@example.com",
            "https://user:***@example.com",
            "https://user@example.com",
            "git clone ssh://git@example.com:22/r",
        ],
    },
];
