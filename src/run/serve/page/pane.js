// One run in full: its head, questions for permission, items, and what can be done with it.

import { Problem, post, request, runPath } from "./api.js";
import { announce, bar, byId, fill, h, icon, setText, visible } from "./dom.js";
import { element } from "./item.js";
import { Run } from "./run.js";
import { Scroll } from "./scroll.js";
import { STATES, age, cost, duration, oneLine, plural, silence, tokens } from "./words.js";

/** Silence that is told, in milliseconds. */
const SILENT = 5000;

/** Raw events of an item that are shown. */
const MAX_RAW = 500;

const CLOSE = "M3 3l10 10M13 3L3 13";
const MORE = "M3 8h.01M8 8h.01M13 8h.01";

export class Pane {
  /** `app` has `list`, `agents()`, `resumes(agent)`, `open(stream)` and `close(pane)`. */
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
        button("Copy the id", () => navigator.clipboard?.writeText(this.stream)),
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
    this.text = h("textarea", { rows: "2", "aria-label": "Message to the agent", placeholder: "Message to the agent" });
    this.text.addEventListener("keydown", (event) => this.#onKey(event));
    this.text.addEventListener("input", () => this.#showActions());
    this.send = button("Send", () => this.#send(), { class: "main", title: "Ctrl+Enter" });
    this.stop = button("Stop", () => this.#cancel(), { class: "stop" });
    this.redirect = button("Stop, and do this instead", () => this.#cancel(this.text.value));
    this.again = button("Continue in a new run", () => this.#continue(), { class: "main", title: "Ctrl+Enter" });
    const actions = h("div", { class: "actions" }, this.redirect, this.stop, this.send, this.again);
    this.form = h("div", { class: "write" }, this.message, this.text, actions);
    const close = button(icon(CLOSE), () => this.app.close(this), {
      class: "close",
      "aria-label": "Close this run",
      title: "Close",
    });
    const back = button("‹ Runs", () => this.app.close(this), { class: "back" });
    const head = h("header", {}, back, h("div", { class: "heading" }, this.title, this.chip, menu, close), this.meta);
    this.element = h(
      "section",
      { class: "pane", "data-stream": this.stream },
      head,
      this.questions,
      this.earlier,
      this.box,
      this.jump,
      this.now,
      this.form,
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
    this.#showActions();
    this.#tell();
  }

  /** The run does not exist any more. */
  gone() {
    this.show({ ...(this.info ?? {}), alive: false, questions: [], isGone: true });
    setText(this.message, "This run was deleted.");
  }

  #ask(questions) {
    const key = questions.map(({ id }) => id).join(" ");
    if (this.asked === key) return;
    this.asked = key;
    fill(
      this.questions,
      questions.map((question) => {
        const { id, tool, title } = question;
        const answer = (allow) =>
          this.#act(() => post(runPath(this.stream, `/permissions/${encodeURIComponent(id)}`), { allow }));
        return h(
          "div",
          { class: "question", role: "group", "aria-label": "Question for permission" },
          h(
            "p",
            {},
            "May the agent use ",
            h("b", {}, tool ?? "a tool"),
            "?",
            title && title !== tool && h("code", {}, title),
          ),
          h("button", { type: "button", class: "main", onclick: () => answer(true) }, "Allow"),
          h("button", { type: "button", onclick: () => answer(false) }, "Deny"),
        );
      }),
    );
    for (const { tool, title } of questions)
      announce(`${this.title.textContent} asks for permission: ${oneLine(title || tool || "", 100)}`);
  }

  /** Session that a new run can continue. */
  #continues() {
    const { alive, session, conversation, agent } = this.info ?? {};
    return !alive && (conversation ? this.app.agents().includes(agent) : Boolean(session) && this.app.resumes(agent));
  }

  #showActions() {
    const alive = Boolean(this.info?.alive);
    const hasText = this.text.value.trim() !== "";
    this.send.hidden = this.stop.hidden = !alive;
    this.redirect.hidden = !alive || !hasText;
    this.again.hidden = !this.#continues();
    this.again.disabled = this.send.disabled = !hasText;
    this.text.hidden = !alive && !this.#continues();
    this.form.hidden = this.text.hidden && this.message.textContent === "";
    this.text.placeholder = alive ? "Message to the agent" : "Next prompt, in the same session";
  }

  #onKey(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || this.text.value.trim() === "") return;
    event.preventDefault();
    if (this.info?.alive) this.#send();
    else if (this.#continues()) this.#continue();
  }

  /** Does something, and says why if it does not go. */
  async #act(action) {
    setText(this.message, "");
    try {
      await action();
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setText(this.message, error.message);
      this.#showActions();
      return false;
    } finally {
      this.app.list.refresh(this.stream);
    }
  }

  async #send() {
    const text = this.text.value;
    if (await this.#act(() => post(runPath(this.stream, "/messages"), { text }))) this.#clear(text);
  }

  async #cancel(then) {
    const body = then === undefined ? { reason: "stopped on the page" } : { reason: "redirected on the page", then };
    this.stop.disabled = this.redirect.disabled = true;
    const done = await this.#act(() => post(runPath(this.stream, "/cancel"), body));
    this.stop.disabled = this.redirect.disabled = false;
    if (done && then !== undefined) this.#clear(then);
    // Whoever used the keyboard is not left on a button that is gone.
    if (done && document.activeElement === document.body) this.box.focus();
  }

  async #continue() {
    const { session, conversation, agent, label } = this.info;
    const text = this.text.value;
    await this.#act(async () => {
      const started = conversation
        ? await post("chat", { message: text, conversation, agent })
        : await post("runs", { prompt: text, agent, session, ...(label && { label }) });
      this.#clear(text);
      this.app.open(started.stream, this);
    });
  }

  #clear(sent) {
    if (this.text.value === sent) this.text.value = "";
    this.#showActions();
  }

  async #delete() {
    if (!confirm(`Delete the run ${this.title.textContent} and its events?`)) return;
    const deleted = await this.#act(() => request(runPath(this.stream), { method: "DELETE" }));
    if (deleted) this.app.close(this);
  }

  async #download(format, ending) {
    await this.#act(async () => {
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
    const { timing, calls, time } = open;
    const passed = time - timing.began + silent;
    const call = calls.at(-1);
    let words = "working";
    if (this.info.questions?.length) words = "waits for your answer";
    else if (silent >= SILENT) {
      const waits = timing.stretches.every(([name]) => name === "start");
      words = call
        ? `a call runs (${call.name}), silent for ${silence(silent)}`
        : waits
          ? `waits for the model for ${silence(silent)}`
          : `quiet for ${silence(silent)}`;
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

/** Name of a run for people: its label, or the first line of its first prompt. */
export const nameOf = (info) => info.label || oneLine(info.title ?? "", 80) || info.stream;

/** State of a run for people: a question comes before all else. */
export const stateOf = (info) => (info.alive && info.questions?.length ? "asking" : info.state);
