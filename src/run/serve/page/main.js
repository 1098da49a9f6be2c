// The page: what is shown where, the keys, and the way of events to the list and the runs that are open.

import { About } from "./about.js";
import { Problem, get, onToken, setToken, takeToken } from "./api.js";
import { Connection } from "./connection.js";
import { announce, byId, setText } from "./dom.js";
import { List } from "./list.js";
import { Pane } from "./pane.js";
import { Start } from "./start.js";

/** Runs that stand side by side. */
const MAX_PANES = 3;

/** Time between two looks at the clock, in milliseconds, and at the list while the page is hidden. */
const TICK = 1000;
const HIDDEN_TICK = 15000;

/** Texts that were written and not sent, by run; they stay with the tab. */
class Drafts {
  get(stream) {
    return sessionStorage.getItem("draft " + stream) ?? "";
  }

  set(stream, text) {
    sessionStorage.setItem("draft " + stream, text);
  }

  delete(stream) {
    sessionStorage.removeItem("draft " + stream);
  }
}

class App {
  panes = [];
  drafts = new Drafts();
  /** Pane that was used last: another run takes its place. */
  #active;
  #status = { agents: [], resuming: [], limits: { max_runs: 1 }, root: "" };

  constructor() {
    onToken(() => this.#signIn());
    takeToken();
    this.list = new List(this);
    this.about = new About(this);
    this.start = new Start(this);
    this.#listen();
    this.connection = new Connection({
      event: (event) => this.list.on(event),
      runEvent: (stream, event, place) => this.#pane(stream)?.on(event, place),
      reset: (stream) => this.#pane(stream)?.reset(),
      gone: (stream) => this.#pane(stream)?.gone(),
      operation: (operation) => this.about.on(operation),
      state: (state, wait, why) => this.#onConnection(state, wait, why),
    });
    this.#goTo(fragment());
    setInterval(() => this.#tick(), TICK);
    setInterval(() => document.hidden && this.#load(), HIDDEN_TICK);
  }

  #listen() {
    byId("new").addEventListener("click", () => this.start.open());
    byId("show-history").addEventListener("click", () => this.about.showHistory());
    byId("show-status").addEventListener("click", () => this.about.showStatus());
    byId("show-keys").addEventListener("click", () => byId("keys").showModal());
    byId("retry").addEventListener("click", () => this.connection.retryNow());
    byId("sign-in-form").addEventListener("submit", (event) => {
      event.preventDefault();
      setToken(byId("token").value.trim());
      this.hasTried = true;
      byId("token").value = "";
      byId("sign-in").close();
      this.connection.retryNow();
    });
    document.addEventListener("keydown", (event) => this.#onKey(event));
    for (const name of ["focusin", "pointerdown"]) {
      byId("panes").addEventListener(name, ({ target }) =>
        this.#activate(this.panes.find((it) => it.element.contains(target))),
      );
    }
    // Back and forward, and an address that was changed by hand.
    addEventListener("popstate", () => {
      if (takeToken()) this.connection.retryNow();
      document.querySelector("dialog[open]:not(#sign-in)")?.close();
      this.#goTo(fragment());
    });
  }

  #onKey(event) {
    const { target, key } = event;
    const isWriting = target.closest?.("input, textarea, select, dialog");
    if (isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
    const pane = this.#active;
    const actions = {
      n: () => this.start.open(),
      j: () => this.list.move(1),
      k: () => this.list.move(-1),
      "/": () => byId("filter").focus(),
      m: () => pane?.write.text.focus(),
      b: () => this.openBeside(document.activeElement.closest("#list li")?.dataset.stream),
      e: () => pane?.scroll.toEnd(),
      x: () => pane && this.close(pane),
      h: () => this.about.showHistory(),
      s: () => this.about.showStatus(),
      "?": () => byId("keys").showModal(),
    };
    if (!actions[key]) return;
    event.preventDefault();
    actions[key]();
  }

  agents() {
    return this.#status.agents;
  }

  /** True if a run of this agent can continue the session of another one. */
  resumes(agent) {
    return this.#status.resuming.includes(agent);
  }

  /** Stream of the run that was used last. */
  activeStream() {
    return this.#active?.stream;
  }

  /** Directory below which runs start. */
  root() {
    return this.#status.root;
  }

  maxRuns() {
    return this.#status.limits.max_runs;
  }

  isOpen(stream) {
    return this.panes.some((pane) => pane.stream === stream);
  }

  #pane(stream) {
    return this.panes.find((pane) => pane.stream === stream);
  }

  /** Shows a run in place of another one, or of the one that was used last. */
  open(stream, instead = this.#active) {
    const known = this.#pane(stream);
    if (!known) this.#remember(() => this.#show(stream, instead));
    this.#focus(known ?? this.#pane(stream));
  }

  /** Shows a run beside the others; where there is no more room, in place of the one that was used last. */
  openBeside(stream) {
    if (stream) this.open(stream, this.panes.length >= MAX_PANES ? this.#active : null);
  }

  #show(stream, instead) {
    const pane = new Pane(stream, this);
    if (instead && this.panes.includes(instead)) {
      this.connection.hide(instead.stream);
      instead.element.replaceWith(pane.element);
      this.panes.splice(this.panes.indexOf(instead), 1, pane);
    } else {
      byId("panes").append(pane.element);
      this.panes.push(pane);
    }
    this.connection.show(stream);
    if (!byId("lost").hidden) pane.connected(false);
    const info = this.list.runs.get(stream);
    if (info) pane.show(info);
    else this.list.refresh(stream);
    this.#activate(pane);
  }

  #activate(pane) {
    if (!pane) return;
    this.#active = pane;
    for (const other of this.panes) other.element.classList.toggle("is-active", other === pane);
  }

  #focus(pane) {
    pane.title.focus({ preventScroll: true });
    pane.element.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  close(pane) {
    this.#remember(() => this.#remove(pane));
    if (this.panes.length) this.#focus(this.#active);
    else this.list.focus(pane.stream);
  }

  /** Closes all runs. */
  toList() {
    const last = this.#active;
    this.#remember(() => [...this.panes].forEach((pane) => this.#remove(pane)));
    this.list.focus(last?.stream);
  }

  #remove(pane) {
    this.connection.hide(pane.stream);
    pane.element.remove();
    this.panes.splice(this.panes.indexOf(pane), 1);
    if (this.#active !== pane) return;
    this.#active = undefined;
    this.#activate(this.panes.at(-1));
  }

  /** Shows these runs and no others. */
  #goTo(streams) {
    for (const pane of [...this.panes]) if (!streams.includes(pane.stream)) this.#remove(pane);
    for (const stream of streams) if (!this.#pane(stream)) this.#show(stream);
    // They stand in the order of the address. A run that is moved loses its place, so that only others are.
    const before = this.panes.map(({ stream }) => stream).join();
    this.panes.sort((a, b) => streams.indexOf(a.stream) - streams.indexOf(b.stream));
    if (this.panes.map(({ stream }) => stream).join() !== before) {
      byId("panes").append(...this.panes.map(({ element }) => element));
    }
    history.replaceState(null, "", this.#address());
    this.#changed();
  }

  /** Changes what is shown by a step that the browser can take back. */
  #remember(change) {
    change();
    history.pushState(null, "", this.#address());
    this.#changed();
  }

  #address() {
    const runs = this.panes.map(({ stream }) => "run=" + encodeURIComponent(stream)).join("&");
    return location.pathname + (runs && "#" + runs);
  }

  #changed() {
    document.body.classList.toggle("has-run", this.panes.length > 0);
    byId("nothing").hidden = this.panes.length > 0;
    byId("panes").classList.toggle("has-several", this.panes.length > 1);
    this.list.tick();
  }

  /** Takes what is new of a run. */
  changed(info) {
    this.#pane(info.stream)?.show(info);
  }

  /** Shows runs that were started: several take the place of all others. */
  started(streams) {
    if (streams.length === 1) this.open(streams[0]);
    else {
      this.#remember(() => {
        [...this.panes].forEach((pane) => this.#remove(pane));
        streams.slice(0, MAX_PANES).forEach((stream) => this.#show(stream));
      });
      this.#focus(this.panes[0]);
    }
    for (const stream of streams) this.list.refresh(stream);
  }

  async #load() {
    try {
      await this.list.load();
      this.#status = await get("status");
      for (const pane of this.panes) if (pane.info) pane.show(this.list.runs.get(pane.stream) ?? pane.info);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }

  #onConnection(state, wait, why) {
    if (state === "refused") return;
    const isLost = state === "lost";
    const was = !byId("lost").hidden;
    byId("lost").hidden = !isLost;
    document.body.classList.toggle("is-lost", isLost);
    for (const pane of this.panes) pane.connected(!isLost);
    if (isLost) {
      this.retryAt = performance.now() + wait;
      this.why = why;
      this.#tellWait();
      if (!was) announce("Connection lost");
      return;
    }
    if (was) announce("Connected again");
    if (byId("sign-in").open) byId("sign-in").close();
    this.#load();
  }

  #tellWait() {
    const seconds = Math.max(0, Math.ceil((this.retryAt - performance.now()) / 1000));
    setText(
      byId("lost-why"),
      `No connection: ${this.why}. ${seconds ? `Trying again in ${seconds} s. ` : "Trying again. "}Runs go on.`,
    );
  }

  #tick() {
    if (!byId("lost").hidden) this.#tellWait();
    for (const pane of this.panes) pane.tick();
    this.list.tick();
  }

  #signIn() {
    setText(byId("sign-in-problem"), this.hasTried ? "The server has refused this token." : "");
    if (!byId("sign-in").open) byId("sign-in").showModal();
  }
}

/** Runs in the fragment of the address. */
const fragment = () =>
  new URLSearchParams(location.hash.slice(1))
    .getAll("run")
    .filter((stream, n, all) => all.indexOf(stream) === n)
    .slice(0, MAX_PANES);

new App();
