// Model of a run: its events as items, in the order in which they came. It knows no element of the page.

import { serverNow } from "./api.js";
import { Pieces } from "./pieces.js";
import { Timing, stepOfStatus } from "./times.js";
import * as tool from "./tool.js";
import { duration, oneLine, tokens } from "./words.js";

/** Characters that the items of a run may hold together; the first ones make room for more. */
const MAX_HELD = 48 << 20;

/** Age from which an event is one of the past, in milliseconds. */
const PAST = 1500;

/** Statuses that are for programs. */
const SILENT = ["usage", "redacted", "heartbeat", "stalled", "session"];

const LOOKS = {
  error: "bad",
  warning: "warn",
  rate_limit: "warn",
  retry: "warn",
  permission: "warn",
  retracted: "warn",
  diagnostic: "warn",
  gap: "warn",
  cancel_requested: "warn",
  cancel_refused: "warn",
  redirected: "warn",
  detached_writers: "warn",
  stopped: "warn",
};

/** One of the streams of a run; most runs have one. */
class Stream {
  blocks = new Map();
  calls = new Map();
  timing = undefined;
  time = 0;
  cwd = "";
  runtime = "";
  /** Tokens of the open turn, as the runtime counts them on the way. */
  lastTokens = "";

  constructor(name) {
    this.name = name;
  }
}

export class Run {
  items = [];
  /** Number of the first item; those before it made room. */
  first = 0;
  held = 0;
  /** Called with each item that is new or changed. */
  onItem = () => {};
  /** Time of the last event by the clock of this page. */
  heardAt = performance.now();
  #streams = new Map();

  constructor(stream) {
    this.stream = stream;
  }

  /** True if several streams are in this run. */
  hasStreams() {
    return this.#streams.size > 1;
  }

  /** Open turn of the main stream, if there is one: its timing, and whether a call is open. */
  open() {
    const stream = this.#streams.get(this.stream);
    return (
      stream?.timing && {
        timing: stream.timing,
        calls: [...stream.calls.values()].filter((item) => !item.end),
        time: stream.time,
      }
    );
  }

  /** Takes an event, and the place before it. */
  on(event, place) {
    const old = Math.max(0, serverNow() - Date.parse(event.ts));
    // An event of the past was heard then.
    this.heardAt = performance.now() - (old > PAST ? old : 0);
    const name = event.stream ?? this.stream;
    let stream = this.#streams.get(name);
    if (!stream) this.#streams.set(name, (stream = new Stream(name)));
    const time = Date.parse(event.ts);
    if (!Number.isNaN(time)) stream.time = time;
    const at = { event, stream, place };
    const handler = this["on_" + event.type];
    if (handler) handler.call(this, at);
    this.#step(stream, event);
    this.#trim();
  }

  /** Takes the step of an event for the time of the turn, or of the call whose sub-agent it is of. */
  #step(stream, event) {
    const caller = stream.calls.get(event.parent);
    if (caller?.began) caller.inner ??= new Timing(caller.began);
    const timing = event.parent === undefined ? stream.timing : caller?.inner;
    if (!timing) return;
    const steps = { text_delta: "text", block_final: "text", tool_started: "started", tool_finished: "finished" };
    const step = event.type === "status" ? stepOfStatus(event) : steps[event.type];
    // A status without a number was added later.
    if (step && (event.type !== "status" || event.seq !== undefined)) timing.step(stream.time, step, event.tool?.id);
  }

  on_turn_started({ event, stream, place }) {
    stream.timing = new Timing(stream.time);
    stream.cwd = typeof event.cwd === "string" ? event.cwd : "";
    stream.runtime = event.runtime;
    stream.lastTokens = "";
    stream.blocks.clear();
    stream.calls.clear();
    this.#add(
      { kind: "turn", event, stream, place },
      {
        turn: event.turn,
        ts: event.ts,
        prompt: event.prompt ?? "",
        words: [event.runtime, event.model, event.session && "session " + event.session].filter(Boolean).join(" · "),
      },
    );
  }

  on_text_delta(at) {
    this.#text(at, at.event.text);
  }

  on_block_final(at) {
    const { event, stream } = at;
    const text = String(event.text ?? "");
    const known = stream.blocks.get(event.block);
    if (event.part !== undefined || !known) this.#text(at, text);
    else if (text.length > known.pieces.length) this.#text(at, text.slice(known.pieces.length));
    if (event.supersedes !== undefined) this.#notice(at, "dim", `(replaces the text ${event.supersedes})`);
    if (event.part === undefined || event.last) stream.blocks.delete(event.block);
  }

  /** Adds text to its block, whose pieces are items. */
  #text({ event, stream, place }, text) {
    if (typeof text !== "string" || text === "") return;
    let block = stream.blocks.get(event.block);
    if (!block) {
      block = { pieces: new Pieces(), items: [], isOpen: false };
      stream.blocks.set(event.block, block);
    }
    this.held += text.length;
    const changed = block.pieces.add(text);
    const before = block.pieces.all.length - changed.length;
    changed.forEach((piece, n) => {
      const item = block.items[before + n];
      if (!item) {
        const kind = event.kind === "reasoning" ? "reasoning" : "answer";
        block.items.push(this.#add({ kind, event, stream, place }, { piece, block, number: before + n }));
      } else this.#change(item, event);
    });
  }

  on_tool_started(at) {
    const { event, stream } = at;
    const call = event.tool ?? {};
    const title = tool.title(call);
    const item = this.#add(
      { kind: "call", ...at },
      {
        id: call.id,
        name: tool.name(call),
        tool: call.kind,
        title: oneLine(tool.local(title, call.kind, stream.cwd)),
        input: tool.input(call, title),
        began: stream.time,
      },
    );
    this.held += JSON.stringify(item.input).length;
    stream.calls.set(call.id, item);
  }

  on_tool_finished(at) {
    const { event, stream } = at;
    const call = event.tool ?? {};
    let item = stream.calls.get(call.id);
    if (!item) {
      const title = oneLine(tool.local(tool.title(call), call.kind, stream.cwd));
      item = this.#add(
        { kind: "call", ...at },
        { id: call.id, name: tool.name(call), tool: call.kind, title, input: {} },
      );
    }
    const took = event.duration_ms ?? (item.began === undefined ? undefined : stream.time - item.began || undefined);
    const end = tool.finish(event);
    item.inner?.end(stream.time);
    const inner = item.inner
      ? item.inner
          .longest()
          .map(([name, ms]) => `${name} ${duration(ms)}`)
          .join(", ")
      : "";
    end.words = [end.words, took === undefined ? "" : duration(took), inner && "sub-agent: " + inner]
      .filter(Boolean)
      .join(", ");
    item.end = end;
    this.held += end.output.length;
    this.#change(item, event);
  }

  on_status(at) {
    const { event, stream } = at;
    const { kind, data } = event;
    if (kind === "usage") {
      stream.lastTokens = tokens(data?.so_far?.usage) || stream.lastTokens;
      return;
    }
    if (SILENT.includes(kind)) return;
    const message = String(event.message ?? "").trimEnd();
    const entries = ["entries", "items", "plan", "todos", "steps"]
      .map((key) => data?.[key])
      .find((list) => Array.isArray(list) && list.length);
    if (kind === "plan" && (entries || Array.isArray(data))) this.#plan(at, entries ?? data);
    else if (kind === "message" && typeof data?.text === "string") this.#message(at, data);
    else if (kind === "redirected" && typeof data?.prompt === "string")
      this.#message(at, { text: data.prompt, by: "" });
    else if (kind === "progress" && /^[\w.:/-]*$/.test(message) && message !== "thinking") return;
    else if (kind === "info" && (/^[\w.:/-]*$/.test(message) || message === "fields of an unknown meaning")) return;
    else this.#notice(at, LOOKS[kind] ?? "dim", noticeWords(event, message));
  }

  #plan(at, entries) {
    this.#add({ kind: "plan", ...at }, { entries: entries.slice(0, 200).map(tool.planEntry) });
  }

  /** A message to the agent. The first prompt of a driven run comes before its turn. */
  #message(at, { text, by }) {
    this.held += text.length;
    this.#add(
      { kind: "message", ...at },
      { text: tool.limited(text), by: ["prompt", "control", "http"].includes(by) ? "" : String(by ?? "") },
    );
  }

  /** A line of little importance joins the one before it. */
  #notice(at, look, words) {
    const last = this.items.at(-1);
    this.held += words.length;
    const line = { look, words: tool.limited(words, 8000) };
    const joins =
      last?.kind === "notice" &&
      last.stream === at.stream &&
      last.parent === at.event.parent &&
      last.lines.length < 200;
    if (joins && last.isLog === (look === "dim")) {
      last.lines.push(line);
      this.#change(last, at.event);
    } else this.#add({ kind: "notice", ...at }, { lines: [line], isLog: look === "dim" });
  }

  on_turn_completed(at) {
    const { stop = "" } = at.event;
    const usual = ["", "end_turn", "end_of_output", "stop", "success", "completed"].includes(String(stop).trim());
    this.#end(at, "completed", "ok", usual ? "" : `stop: ${stop}`);
  }

  on_turn_failed(at) {
    const { code = "", message = "", retry_at: retry } = at.event.error ?? {};
    this.#end(at, "failed", "bad", [code, message].filter(Boolean).join(": ") + (retry ? ` (retry at ${retry})` : ""));
  }

  on_turn_cancelled(at) {
    const { by, reason } = at.event;
    this.#end(at, "cancelled", "warn", [by && `by ${by}`, reason].filter(Boolean).join(": "));
  }

  #end(at, outcome, look, reason) {
    const { event, stream } = at;
    const timing = stream.timing;
    stream.timing = undefined;
    timing?.end(stream.time);
    const measured = timing && stream.time - timing.began;
    const claimed = event.duration_ms;
    const differs = measured && claimed !== undefined && Math.abs(claimed - measured) > Math.max(100, measured / 20);
    this.#add(
      { kind: "end", ...at },
      {
        outcome,
        look,
        reason,
        timing,
        took: measured || claimed ? duration(measured || claimed) : "",
        claimed: differs ? `${duration(claimed)} by the agent` : "",
        usage: event,
        tokens: stream.lastTokens,
        files: event.files ?? [],
        more: event.files_more ?? 0,
        stderr: event.stderr_tail ?? "",
      },
    );
    stream.blocks.clear();
    stream.calls.clear();
  }

  #add({ kind, event, stream, place }, content) {
    const parent = typeof event.parent === "string" ? event.parent : undefined;
    const caller = parent === undefined ? undefined : stream.calls.get(parent);
    const item = {
      kind,
      stream,
      parent,
      caller,
      depth: parent === undefined ? 0 : (caller?.depth ?? 0) + 1,
      number: 0,
      place,
      firstSeq: event.seq,
      lastSeq: event.seq,
      isOpen: false,
      ...content,
    };
    const last = this.items.at(-1);
    item.isFirstOf = last?.stream !== stream || last.parent !== parent;
    item.at = this.first + this.items.length;
    this.items.push(item);
    this.onItem(item, "new");
    return item;
  }

  #change(item, event) {
    if (event.seq !== undefined) item.lastSeq = event.seq;
    this.onItem(item, "changed");
  }

  /** Lets the first items go where all of them hold too much. */
  #trim() {
    if (this.held <= MAX_HELD || this.items.length < 200) return;
    const gone = this.items.splice(0, Math.ceil(this.items.length / 10));
    this.first += gone.length;
    this.held -= gone.reduce((sum, item) => sum + sizeOf(item), 0);
    this.onItem(gone.at(-1), "gone");
  }
}

function sizeOf(item) {
  if (item.piece) return item.piece.text.length;
  if (item.kind === "call") return JSON.stringify(item.input).length + (item.end?.output.length ?? 0);
  return item.text?.length ?? item.lines?.reduce((sum, line) => sum + line.words.length, 0) ?? 0;
}

/** A status in words: its kind and its message; of one that has no message its data. */
function noticeWords(event, message) {
  const { kind, data } = event;
  if (kind === "log" && data?.from === "stderr") return "stderr: " + message;
  if (kind === "exit") {
    const killed = data?.killed ? " (killed)" : "";
    if (Number.isInteger(data?.code)) return `exited with status ${data.code}${killed}`;
    if (Number.isInteger(data?.signal)) return `ended by signal ${data.signal}${killed}`;
    if (data?.lost) return "lost: wrap was killed before the agent had ended";
  }
  if (kind === "diagnostic")
    return `unreadable output (${data?.reason ?? message}): ${oneLine(String(data?.text ?? data?.base64 ?? ""))}`;
  if (kind === "info" && message === "user message" && typeof data?.text === "string") return "prompt: " + data.text;
  const shown = message || (data === undefined ? "" : oneLine(JSON.stringify(data), 160));
  return String(kind).replaceAll("_", " ") + (shown && ": " + shown);
}
