// List of the runs: those that live first, then the last started ones.

import { Problem, get, runPath } from "./api.js";
import { announce, byId, fill, h, setText } from "./dom.js";
import { nameOf, stateOf } from "./pane.js";
import { STATES, age, cost, count, oneLine, silence } from "./words.js";

/** Runs that are asked for at first, and by each click on "More". */
const PAGE = 100;

/** Least time between two looks at one run, in milliseconds. */
const REFRESH = 700;

/** Silence of a run that is told, in milliseconds. */
const SILENT = 15000;

/** Kinds of statuses that change what the list shows. */
const TELLING = [
  "session",
  "exit",
  "queued",
  "permission",
  "message",
  "stopped",
  "continued",
  "cancel_requested",
  "redirected",
];

export class List {
  runs = new Map();
  #rows = new Map();
  #due = new Map();
  #asked = new Map();
  #limit = PAGE;
  /** Tokens of the open turn, by stream. */
  #soFar = new Map();

  /** `app` has `open(stream)`, `openBeside(stream)`, `isOpen(stream)`, `activeStream()` and `changed(info)`. */
  constructor(app) {
    this.app = app;
    this.element = byId("list");
    byId("filter").addEventListener("input", () => this.#order());
    byId("filter").addEventListener("keydown", (event) => this.#onFilterKey(event));
    byId("more").addEventListener("click", () => {
      this.#limit += PAGE;
      this.load();
    });
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Asks for all runs. */
  async load() {
    const { runs } = await get(`runs?limit=${this.#limit}`);
    byId("more").hidden = runs.length < this.#limit;
    const known = new Set(runs.map(({ stream }) => stream));
    // An older run that is open stays.
    for (const stream of this.runs.keys()) if (!known.has(stream) && !this.app.isOpen(stream)) this.#remove(stream);
    for (const info of runs) this.#take(info);
    this.#order();
  }

  /** Takes an event of any run. */
  on(event) {
    const stream = this.#owner(event.stream);
    const usage = event.kind === "usage" && event.data?.so_far?.usage;
    if (usage) {
      this.#soFar.set(stream, usage);
      const info = this.runs.get(stream);
      if (info) this.#draw(info);
    } else if (event.type !== "status" || TELLING.includes(event.kind)) {
      if (event.type !== "status") this.#soFar.delete(stream);
      this.refresh(stream);
    }
  }

  /** Run that a stream belongs to: `s:2` is one of the streams of `s`. */
  #owner(stream = "") {
    return this.runs.has(stream) ? stream : stream.replace(/:\d+$/, "");
  }

  /** Looks at one run, not more often than it is good. */
  refresh(stream) {
    if (this.#due.has(stream)) return;
    const wait = Math.max(20, (this.#asked.get(stream) ?? -REFRESH) + REFRESH - performance.now());
    this.#due.set(
      stream,
      setTimeout(() => this.#look(stream), wait),
    );
  }

  async #look(stream) {
    this.#due.delete(stream);
    this.#asked.set(stream, performance.now());
    try {
      this.#take(await get(runPath(stream)));
      this.#order();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 404) this.#remove(stream);
    }
  }

  #remove(stream) {
    this.runs.delete(stream);
    this.#rows.get(stream)?.remove();
    this.#rows.delete(stream);
  }

  #take(info) {
    const before = this.runs.get(info.stream);
    info.seenAt = performance.now();
    this.runs.set(info.stream, info);
    const [was, is] = [before && stateOf(before), stateOf(info)];
    if (was && was !== is) announce(`${nameOf(info)}: ${STATES[is]?.[0] ?? is}`);
    this.#draw(info);
    this.app.changed(info);
  }

  #draw(info) {
    let row = this.#rows.get(info.stream);
    if (!row) {
      row = this.#row(info.stream);
      this.#rows.set(info.stream, row);
    }
    const [word, look] = STATES[stateOf(info)] ?? [info.state, "dim"];
    const name = nameOf(info);
    row.dataset.state = stateOf(info);
    row.parts.dot.className = "dot " + look;
    setText(row.parts.name, name);
    setText(row.parts.state, word + this.#silence(info));
    const usage = { ...info.usage };
    for (const [key, n] of Object.entries(this.#soFar.get(info.stream) ?? {})) usage[key] = (usage[key] ?? 0) + n;
    const sum = usage.total_tokens ?? (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0);
    const started = Date.parse(info.started);
    const facts = [
      info.agent || oneLine((info.argv ?? [])[0]?.split("/").at(-1) ?? "", 20),
      Number.isNaN(started) ? "" : age(Date.now() - started),
      sum > 0 && `${sum < 10000 ? count(sum) : count(Math.round(sum / 1000)) + "k"} tokens`,
      cost(info.cost_usd),
      name !== info.stream && info.stream,
    ];
    setText(row.parts.facts, facts.filter(Boolean).join(" · "));
    row.firstChild.setAttribute("aria-current", String(this.app.isOpen(info.stream)));
  }

  #silence(info) {
    if (!info.alive || info.state !== "running" || info.idle_ms === undefined || info.questions?.length) return "";
    const silent = info.idle_ms + performance.now() - info.seenAt;
    return silent >= SILENT ? `, silent for ${silence(silent)}` : "";
  }

  #row(stream) {
    const parts = {
      dot: h("span", { "aria-hidden": "true" }),
      name: h("b"),
      state: h("span", { class: "state" }),
      facts: h("small"),
    };
    const open = h(
      "button",
      {
        type: "button",
        class: "run",
        onclick: (event) => (event.ctrlKey || event.metaKey ? this.app.openBeside(stream) : this.app.open(stream)),
      },
      parts.dot,
      parts.name,
      parts.state,
      parts.facts,
    );
    const beside = h(
      "button",
      {
        type: "button",
        class: "beside",
        title: "Open beside (b)",
        tabindex: "-1",
        onclick: () => this.app.openBeside(stream),
      },
      "◫",
    );
    beside.setAttribute("aria-label", `Open ${stream} beside`);
    const row = h("li", { "data-stream": stream }, open, beside);
    row.parts = parts;
    return row;
  }

  /** Puts the rows into their order, with those that the filter leaves. */
  #order() {
    const words = byId("filter").value.toLowerCase().split(/\s+/);
    const matches = (info) => {
      const { stream, label, title, agent, state, cwd, argv = [] } = info;
      const text = [stream, label, title, agent, state, STATES[stateOf(info)]?.[0], cwd, ...argv]
        .join("\n")
        .toLowerCase();
      return words.every((word) => text.includes(word));
    };
    const started = ({ started, stream }) => `${started} ${stream}`;
    const runs = [...this.runs.values()].sort((a, b) => b.alive - a.alive || (started(a) < started(b) ? 1 : -1));
    const shown = runs.filter(matches);
    for (const info of runs) this.#rows.get(info.stream).hidden = true;
    let place = this.element.firstElementChild;
    for (const info of shown) {
      const row = this.#rows.get(info.stream);
      row.hidden = false;
      if (row === place) place = place.nextElementSibling;
      else this.element.insertBefore(row, place);
    }
    const live = runs.filter(({ alive }) => alive).length;
    const asking = runs.filter((info) => stateOf(info) === "asking").length;
    setText(byId("live"), live ? `${live} live` : "");
    document.title = (asking ? `(${asking}) ` : "") + "spile" + (live ? ` · ${live} live` : "");
    const empty = runs.length ? "No run matches." : "No run yet. Start one with “New run”.";
    fill(byId("empty"), shown.length ? "" : empty);
  }

  /** Draws the ages and silences again, and looks at runs that seem silent. */
  tick() {
    for (const info of this.runs.values()) {
      if (info.alive && performance.now() - info.seenAt > SILENT) this.refresh(info.stream);
      this.#draw(info);
    }
  }

  #onFilterKey(event) {
    const first = [...this.element.children].find((row) => !row.hidden)?.firstChild;
    if (event.key === "ArrowDown") first?.focus();
    else if (event.key === "Enter") first?.click();
    else return;
    event.preventDefault();
  }

  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.move(step);
  }

  /** Moves the focus to the row of a run. */
  focus(stream) {
    (this.#rows.get(stream)?.firstChild ?? byId("filter")).focus();
  }

  /** Moves the focus to the next or the previous row. */
  move(step) {
    const rows = [...this.element.children].filter((row) => !row.hidden);
    const focused = rows.findIndex((row) => row.contains(document.activeElement));
    const at = focused < 0 ? rows.indexOf(this.#rows.get(this.app.activeStream())) : focused;
    const next = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step));
    rows[next]?.firstChild.focus();
  }
}
