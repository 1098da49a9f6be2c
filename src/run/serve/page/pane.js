// One run in full: its head, questions for permission, items, and what can be done with it.

import { Problem, post, request, runPath } from "./api.js";
import { announce, bar, byId, fill, h, icon, setText, visible } from "./dom.js";
import { element } from "./item.js";
import { Run } from "./run.js";
import { Scroll } from "./scroll.js";
import { allFields } from "./tool.js";
import { STATES, age, cost, duration, oneLine, plural, silence, tokens } from "./words.js";
import { Write } from "./write.js";

/** Silence that is told, in milliseconds. */
const SILENT = 5000;

/** Raw events of an item that are shown. */
const MAX_RAW = 500;

const CLOSE = "M3 3l10 10M13 3L3 13";
const MORE = "M3 8h.01M8 8h.01M13 8h.01";

export class Pane {
  /** `app` has `list`, `start`, `drafts`, `agents()`, `resumes(agent)`, `open(stream)`, `toList()` and `close(pane)`. */
  constructor(stream, app) {
    this.stream = stream;
    this.app = app;
    this.view = {
      isPlain: false,
      names: () => this.run.hasStreams(),
      redraw: (items) => items.forEach((item) => this.scroll.on(item, "changed")),
      raw: (item) => this.#raw(item),
    };
    this.#build();
    this.scroll = new Scroll(
      this.box,
      (item) => element(item, this.view),
      () => this.#onFollow(),
    );
    this.reset();
  }

  /** Begins anew with no event. */
  reset() {
    this.run = new Run(this.stream);
    this.run.onItem = (item, what) => {
      if (what === "gone") this.earlier.hidden = false;
      this.scroll.on(item, what);
    };
    this.earlier.hidden = true;
    this.scroll.open(this.run);
  }

  #build() {
    const button = (text, onclick, props = {}) => h("button", { type: "button", onclick, ...props }, text);
    this.title = h("h1", { tabindex: "-1" });
    this.chip = h("span", { class: "chip" });
    this.meta = h("p", { class: "meta" });
    this.plain = button("Show Markdown as it is written", () => this.#setPlain(), { "aria-pressed": "false" });
    const menu = h(
      "details",
      { class: "menu" },
      h("summary", { "aria-label": "More", title: "More" }, icon(MORE)),
      h(
        "div",
        {},
        this.plain,
        button("Download as HTML", () => this.#download("html", "html")),
        button("Download as Markdown", () => this.#download("markdown", "md")),
        button("Download the events", () => this.#download("events", "ndjson")),
        button("Copy the id", () => this.#copy()),
        button("Delete the run", () => this.#delete(), { class: "delete" }),
      ),
    );
    menu.addEventListener("click", (event) => event.target.closest("button") && (menu.open = false));
    this.questions = h("div", { class: "questions" });
    this.box = h("div", { class: "items", tabindex: "0", role: "region", "aria-label": "Events of the run" });
    this.earlier = h(
      "p",
      { class: "earlier", hidden: true },
      "Earlier events are left out to save memory. “More” has the whole run as a file.",
    );
    this.jump = button("↓ To the end", () => this.scroll.toEnd(), { class: "jump", hidden: true });
    this.now = h("p", { class: "now" });
    this.message = h("p", { class: "problem", role: "alert" });
    this.write = new Write(this);
    const close = button(icon(CLOSE), () => this.app.close(this), {
      class: "close",
      "aria-label": "Close this run",
      title: "Close",
    });
    const back = button("‹ Runs", () => this.app.toList(), { class: "back" });
    const head = h("header", {}, back, h("div", { class: "heading" }, this.title, this.chip, menu, close), this.meta);
    this.element = h(
      "section",
      { class: "pane", "data-stream": this.stream },
      head,
      this.message,
      this.questions,
      this.earlier,
      h("div", { class: "frame" }, this.box, this.jump),
      this.now,
      this.write.element,
    );
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && menu.open && (menu.open = false));
  }

  /** Shows what the list knows of the run. */
  show(info) {
    this.info = info;
    const name = nameOf(info) || this.stream;
    setText(this.title, name);
    this.title.title = visible(name);
    this.element.setAttribute("aria-label", `Run ${name}`);
    const [word, look] = STATES[stateOf(info)] ?? [info.state, "dim"];
    this.chip.className = "chip " + look;
    setText(this.chip, word);
    const parts = [
      name !== this.stream && this.stream,
      info.agent || info.argv?.[0],
      info.started && `started ${age(Date.now() - Date.parse(info.started))} ago`.replace("now ago", "now"),
      info.turns > 0 && plural(info.turns, "turn"),
      tokens(info.usage),
      cost(info.cost_usd),
      info.cwd,
    ];
    setText(this.meta, parts.filter(Boolean).join(" · "));
    this.#ask(info.questions ?? []);
    this.write.show();
    this.#tell();
  }

  /** Tells whether there is a connection: what was said of another time is gone. */
  connected(isConnected) {
    if (this.info?.isGone) return;
    setText(this.message, isConnected || this.run.items.length ? "" : "Not loaded yet: there is no connection.");
  }

  /** The run does not exist any more. */
  gone() {
    const info = this.info ?? { stream: this.stream, state: "missing" };
    this.show({ ...info, alive: false, questions: [], isGone: true });
    const known = this.run.items.length > 0;
    setText(this.message, known ? "This run was deleted." : "There is no such run. It may have been deleted.");
  }

  #ask(questions) {
    const key = questions.map(({ id }) => id).join(" ");
    if (this.asked === key) return;
    this.asked = key;
    fill(
      this.questions,
      questions.map((question) => {
        const { id, tool, title, input } = question;
        let isAnswered = false;
        const answer = async (allow) => {
          // A second click is no second answer.
          if (isAnswered) return;
          isAnswered = true;
          isAnswered = await this.act(() =>
            post(runPath(this.stream, `/permissions/${encodeURIComponent(id)}`), { allow }),
          );
          if (document.activeElement === document.body) this.box.focus();
        };
        // The whole input comes first: the title is the agent's own description.
        const asked = h("p", {}, "May the agent use ", h("b", {}, tool || "a tool"), "?");
        const whole = (input ?? null) !== null && h("pre", { class: "in", tabindex: "0" }, allFields(input));
        const description = title && title !== tool && h("p", { class: "meta" }, `The agent says: ${title}`);
        const button = (text, allow, props) =>
          h("button", { type: "button", onclick: () => answer(allow), ...props }, text);
        return h(
          "div",
          { class: "question", role: "group", "aria-label": "Question for permission" },
          h("div", { class: "asked" }, asked, whole, description),
          h("div", { class: "answers" }, button("Allow", true, { class: "main" }), button("Deny", false)),
        );
      }),
    );
    for (const { tool, title } of questions)
      announce(`${this.title.textContent} asks for permission: ${oneLine(title || tool || "", 100)}`);
  }

  /** Does something, and says why if it does not go. */
  async act(action) {
    setText(this.message, "");
    try {
      await action();
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setText(this.message, inWords(error.message));
      return false;
    } finally {
      this.app.list.refresh(this.stream);
    }
  }

  async #copy() {
    const copied = await navigator.clipboard?.writeText(this.stream).then(
      () => true,
      () => false,
    );
    setText(this.message, copied ? "" : `The browser does not let the page copy: ${this.stream}`);
    if (copied) announce("Copied");
  }

  /** First prompt among the items, for a new run. */
  firstPrompt() {
    const first = this.run.items.find(({ kind, text, prompt }) => (kind === "message" && text) || prompt);
    return first?.text ?? first?.prompt ?? "";
  }

  async #delete() {
    if (!confirm(`Delete the run ${this.title.textContent} and its events?`)) return;
    const deleted = await this.act(() => request(runPath(this.stream), { method: "DELETE" }));
    if (deleted) this.app.close(this);
  }

  async #download(format, ending) {
    await this.act(async () => {
      const answer = await request(runPath(this.stream, `/events?until=now&format=${format}`));
      const link = h("a", { href: URL.createObjectURL(await answer.blob()), download: `${this.stream}.${ending}` });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  #setPlain() {
    this.view.isPlain = !this.view.isPlain;
    this.plain.setAttribute("aria-pressed", String(this.view.isPlain));
    this.scroll.redrawAll();
  }

  /** Takes an event of the run. */
  on(event, place) {
    this.run.on(event, place);
    if (this.ticks) return;
    this.ticks = setTimeout(() => {
      this.ticks = undefined;
      this.#tell();
    }, 500);
  }

  /** Says what the open turn does: for how long, by classes of time, and since when it is silent. */
  tick() {
    if (this.info?.alive) this.#tell();
  }

  #tell() {
    const open = this.info?.alive && this.run.open();
    if (!open) return fill(this.now);
    const silent = Math.max(0, performance.now() - this.run.heardAt);
    const { timing: known, calls, time } = open;
    const passed = time - known.began + silent;
    const isAsking = this.info.questions?.length > 0;
    const timing = silent >= SILENT || isAsking ? known.at(time + silent) : known;
    const call = calls.at(-1);
    let words = "working";
    if (isAsking) words = "waits for your answer";
    else if (silent >= SILENT) {
      const waits = known.stretches.every(([name]) => name === "start");
      words = call
        ? `a call runs (${call.name}), silent for ${silence(silent)}`
        : waits
          ? `waits for the model for ${silence(silent)}`
          : `silent for ${silence(silent)}`;
    } else if (call) words = `a call runs: ${call.name}`;
    const label = timing
      .shares()
      .map(({ of, took }) => `${of} ${took}`)
      .join(", ");
    fill(
      this.now,
      h("span", { class: "dot", "aria-hidden": "true" }),
      h("span", {}, `${duration(passed)} · ${words}`),
      timing.stretches.length > 0 && bar(timing.stretches, label),
    );
  }

  #onFollow() {
    this.jump.hidden = this.scroll.follows;
  }

  /** Shows the events of an item as they stand in the stream. */
  async #raw(item) {
    const dialog = byId("raw");
    const out = byId("raw-events");
    fill(out, "…");
    dialog.showModal();
    try {
      const from = item.place.includes("@") ? item.place : "start";
      const answer = await request(runPath(this.stream, `/events?until=now&from=${encodeURIComponent(from)}`), {
        headers: { Accept: "application/x-ndjson" },
      });
      fill(out, (await rawLines(answer, item)).join("\n"));
    } catch (error) {
      fill(out, error.message);
    }
  }
}

/** Lines of the events of an item, from the first one of an answer on. */
async function rawLines(answer, item) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const lines = [];
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return lines;
    const all = (rest + value).split("\n");
    rest = all.pop();
    for (const line of all) {
      const event = JSON.parse(line);
      const isOwn = (event.stream ?? "") === item.stream.name && !(event.seq < item.firstSeq);
      if (isOwn && belongs(event, item)) lines.push(line);
      if ((event.stream === item.stream.name && event.seq >= (item.lastSeq ?? 0)) || lines.length >= MAX_RAW) {
        reader.cancel();
        return lines;
      }
    }
  }
}

function belongs(event, item) {
  if (item.kind === "call") return event.tool?.id === item.id;
  if (item.piece) return event.block !== undefined;
  return event.seq >= item.firstSeq;
}

/** A refusal of the server in the words of the page. */
export const inWords = (text) =>
  text
    .replace(/^each is at most (\d+) here.*/, "At most $1 runs live at a time")
    .replace("cwd", "the directory")
    .replace(/^no turn is open/, "The agent is not at work: there is nothing to stop")
    .replace(/^./, (first) => first.toUpperCase())
    .replace(/[^.]$/, "$&.");

/** Name of a run for people: its label, or the first line of its first prompt. */
export const nameOf = (info) => info.label || oneLine(info.title ?? "", 80) || info.stream;

/** State of a run for people: a question comes before all else. */
export const stateOf = (info) => (info.alive && info.questions?.length ? "asking" : info.state);
