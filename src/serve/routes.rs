//! List of the server's routes, from which the router and the OpenAPI document are made.

use super::doors::Takes;
use super::request::{MAX_BODY, MAX_PASTE};

/// Action of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Page,
    PageFile,
    Health,
    Status,
    Metrics,
    OpenApi,
    StartRun,
    ListRuns,
    Run,
    DeleteRun,
    Events,
    Stream,
    Text,
    Cancel,
    Send,
    Permit,
    Chat,
    Direct,
    Paste,
    Pasted,
    Trace,
}

/// Callers of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody who reaches the server.
    Open,
    /// Holders of the token; on a Unix socket, processes of this user.
    Token,
}

/// A route.
#[derive(Debug)]
pub struct Route {
    pub operation: Operation,
    pub method: &'static str,
    /// Path; a part in braces is a parameter.
    pub path: &'static str,
    pub access: Access,
    pub about: &'static str,
    pub takes: Takes,
    /// Fields of the body.
    pub fields: &'static [Field],
    /// Parameters of the query.
    pub query: &'static [Field],
    /// Status of success, and the types of the answer.
    pub answer: (u16, &'static [&'static str]),
    /// Statuses of refusals, beside those of [`ALWAYS`].
    pub refusals: &'static [u16],
}

/// Field of a body, or parameter of a query.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    /// Type in JSON Schema; `strings` is an array of strings.
    pub kind: &'static str,
    /// `!` before the description marks a required one.
    pub about: &'static str,
}

const fn field(name: &'static str, kind: &'static str, about: &'static str) -> Field {
    Field { name, kind, about }
}

/// Statuses that every route may answer with.
pub const ALWAYS: &[u16] = &[400, 403, 404, 405, 429, 503];

/// Meaning of the statuses of refusals.
pub const REFUSALS: &[(u16, &str)] = &[
    (400, "The request is wrong"),
    (401, "There is no token, or a wrong one"),
    (403, "This Host or Origin may not ask, or the directory is outside the root"),
    (404, "There is no such route, run, agent, command, text or question"),
    (405, "The route has other methods"),
    (408, "The body did not arrive in time"),
    (409, "The state of the run or conversation forbids it"),
    (413, "The body is too long, or a command line"),
    (415, "The body has another type"),
    (429, "There are too many runs or clients: try again after Retry-After"),
    (503, "The agent cannot be started, the run does not answer, or the server shuts down"),
];

const JSON: &[&str] = &["application/json"];
const RUN_EVENTS: &[&str] = &["application/x-ndjson", "text/event-stream"];

const PLAIN: Route = Route {
    operation: Operation::Page,
    method: "GET",
    path: "/",
    access: Access::Token,
    about: "",
    takes: Takes::Nothing,
    fields: &[],
    query: &[],
    answer: (200, JSON),
    refusals: &[],
};

/// Route that takes a JSON object.
const POST: Route =
    Route { method: "POST", takes: Takes::Json, refusals: &[409, 413, 415], ..PLAIN };

const FROM: Field = field(
    "from",
    "string",
    "Id of the last event that is known, as the header Last-Event-ID; or start; or now",
);
const LAST_EVENT_ID: Field =
    field("last_event_id", "string", "The same; it comes before from, and the header before both");
const ONLY: Field = field("only", "string", "Types of events, separated by commas");
const ANSWER_EVENTS: Field =
    field("stream", "boolean", "true: the answer is the event stream of the run");

/// All routes.
pub const ROUTES: &[Route] = &[
    Route {
        access: Access::Open,
        about: "Page that shows and steers the runs",
        answer: (200, &["text/html"]),
        ..PLAIN
    },
    Route {
        operation: Operation::PageFile,
        path: "/page/{file}",
        access: Access::Open,
        about: "Scripts and styles of the page",
        answer: (200, &["text/javascript", "text/css", "image/svg+xml"]),
        ..PLAIN
    },
    Route {
        operation: Operation::Health,
        path: "/healthz",
        access: Access::Open,
        about: "Health: 503 while the server shuts down or cannot write its state directory",
        answer: (200, &["text/plain"]),
        ..PLAIN
    },
    Route {
        operation: Operation::Status,
        path: "/status",
        about: "Version, uptime, agents, number of runs by state, clients, limits and webhooks",
        ..PLAIN
    },
    Route {
        operation: Operation::Metrics,
        path: "/metrics",
        about: "The numbers of /status as Prometheus text",
        answer: (200, &["text/plain"]),
        ..PLAIN
    },
    Route { operation: Operation::OpenApi, path: "/openapi.json", about: "This document", ..PLAIN },
    Route {
        operation: Operation::StartRun,
        path: "/runs",
        about: "Start an agent in the background. With the header Idempotency-Key the same key gives the same run, and another body 409",
        fields: &[
            field("prompt", "string", "!First prompt, up to 1 MiB"),
            field("agent", "string", "Name of the agent's definition [default: the first one]"),
            field("context", "strings", "References of stored texts that belong to the prompt"),
            field("label", "string", "Name for people"),
            field("cwd", "string", "Working directory, relative to --root and below it"),
            field("each", "integer", "Number of runs, up to --max-runs: all start, or none"),
            field(
                "limits",
                "object",
                "timeout, idle-timeout, first-output-timeout, tool-timeout, as \"20m\"",
            ),
            field("session", "string", "Session of the agent to resume; it does not begin with -"),
            field(
                "conversation",
                "string",
                "Id of the conversation that the run belongs to; one of its runs lives at a time",
            ),
        ],
        answer: (202, JSON),
        ..POST
    },
    Route {
        operation: Operation::ListRuns,
        path: "/runs",
        about: "Runs, the last started first",
        query: &[
            field("state", "string", "starting, running, waiting, completed, failed or cancelled"),
            field("label", "string", "Label of the runs"),
            field("agent", "string", "Name of the agent's definition"),
            field("limit", "integer", "Number of runs, up to 1000 [default: 100]"),
            field("before", "string", "Stream of a run: only runs that were started before it"),
        ],
        ..PLAIN
    },
    Route { operation: Operation::Run, path: "/runs/{id}", about: "One run", ..PLAIN },
    Route {
        operation: Operation::DeleteRun,
        method: "DELETE",
        path: "/runs/{id}",
        about: "Remove the files of a run that is over",
        refusals: &[409],
        ..PLAIN
    },
    Route {
        operation: Operation::Events,
        path: "/runs/{id}/events",
        about: "Events of a run, from its first one, and those that follow until it ends. By Accept as lines of JSON or as server-sent events; an id is <stream>@<offset>.<tag>, and tag is that of GET /runs/{id}. 204 if all was read and the run is over",
        query: &[
            FROM,
            LAST_EVENT_ID,
            ONLY,
            field(
                "until",
                "string",
                "end: close after the run's end; now: close after the events that there are",
            ),
            field(
                "format",
                "string",
                "events, sse, or a format of `spile export`, which has the whole run, without only and from",
            ),
        ],
        answer: (200, RUN_EVENTS),
        ..PLAIN
    },
    Route {
        operation: Operation::Text,
        path: "/runs/{id}/text",
        about: "Answer of the main agent so far",
        answer: (200, &["text/plain"]),
        ..PLAIN
    },
    Route {
        operation: Operation::Cancel,
        path: "/runs/{id}/cancel",
        about: "Cancel the open turn. The answer has its terminal event; with Prefer: respond-async it is 202 and does not wait",
        takes: Takes::JsonOrNothing,
        fields: &[
            field("reason", "string", "Reason in the terminal event"),
            field("then", "string", "Next prompt"),
            field(
                "grace",
                "string",
                "Time until an agent that does not stop is killed [default: 10s]",
            ),
        ],
        ..POST
    },
    Route {
        operation: Operation::Send,
        path: "/runs/{id}/messages",
        about: "Give the agent a message",
        fields: &[field("text", "string", "!Message, up to 1 MiB")],
        ..POST
    },
    Route {
        operation: Operation::Permit,
        path: "/runs/{id}/permissions/{pid}",
        about: "Answer a question for permission",
        fields: &[
            field("allow", "boolean", "!true allows it"),
            field("reason", "string", "Reason of a denial, for the agent"),
        ],
        ..POST
    },
    Route {
        operation: Operation::Stream,
        path: "/stream",
        about: "Events of all runs as server-sent events, from the first one, and those that follow. An id is <epoch>.<number>; events that are lost are told by one event `gap`",
        query: &[
            FROM,
            LAST_EVENT_ID,
            field("stream", "string", "Stream of the one run that is wanted"),
            field("label", "string", "Label of the runs that are wanted"),
            ONLY,
            field("until", "string", "now: close after the events that there are"),
            field(
                "runs",
                "string",
                "Streams of runs of which all events are sent too, each with the ids of GET /runs/{id}/events; for <stream>@<offset>.<tag> those behind this place. Separated by commas; `gone` tells of a run that does not exist",
            ),
            field(
                "trace",
                "string",
                "1: operations too, as they happen, as events `trace` without an id",
            ),
        ],
        answer: (200, &["text/event-stream"]),
        ..PLAIN
    },
    Route {
        operation: Operation::Chat,
        path: "/chat",
        about: "Continue a conversation, or begin one. Each message is a run; one runs at a time",
        fields: &[
            field("message", "string", "!Message, up to 1 MiB"),
            field("conversation", "string", "Id of the conversation; a new one without it"),
            field(
                "agent",
                "string",
                "Name of the agent's definition [default: as before, else the first one]",
            ),
            field("context", "strings", "References of stored texts that belong to the message"),
            ANSWER_EVENTS,
        ],
        answer: (202, JSON),
        ..POST
    },
    Route {
        operation: Operation::Direct,
        path: "/direct",
        about: "Start a configured command without a prompt",
        fields: &[
            field(
                "command",
                "string",
                "!Name and words, as `test fast` or `EXECUTE test fast`; split without a shell",
            ),
            ANSWER_EVENTS,
        ],
        answer: (202, JSON),
        ..POST
    },
    Route {
        operation: Operation::Paste,
        path: "/paste",
        about: "Store a text, up to 16 MiB: as JSON, or as a body of type text/plain or application/octet-stream",
        takes: Takes::JsonOrBytes,
        fields: &[field("text", "string", "!Text")],
        answer: (201, JSON),
        refusals: &[413, 415],
        ..POST
    },
    Route {
        operation: Operation::Pasted,
        path: "/paste/{sha256}",
        about: "A stored text",
        answer: (200, &["application/octet-stream"]),
        ..PLAIN
    },
    Route {
        operation: Operation::Trace,
        path: "/trace",
        about: "Operations: starts, cancels, messages, answers, stored texts, removals and ends of runs",
        query: &[
            field("limit", "integer", "Number of the last operations, up to 10000 [default: 100]"),
            field("mode", "string", "Interface: cli, chat, direct, runs, mcp, acp, rpc or openai"),
            field("after", "string", "ts of an operation: only later ones"),
        ],
        answer: (200, &["application/x-ndjson"]),
        ..PLAIN
    },
];

impl Route {
    /// Longest body, in bytes.
    pub fn max_body(&self) -> usize {
        if self.takes == Takes::JsonOrBytes { MAX_PASTE } else { MAX_BODY }
    }

    /// Names of its parameters in the query.
    pub fn query_names(&self) -> Vec<&'static str> {
        self.query.iter().map(|field| field.name).collect()
    }
}

impl Field {
    /// Description, and true if it is required.
    pub fn described(&self) -> (&'static str, bool) {
        self.about.strip_prefix('!').map_or((self.about, false), |about| (about, true))
    }
}
