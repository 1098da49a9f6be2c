// Field below a run: messages to its agent, its stop, and what can follow when it is over.

import { post, runPath } from "./api.js";
import { h, setText } from "./dom.js";

export class Write {
  /** True while an action is under way, so that none is done twice. */
  #isBusy = false;
  #isStopping = false;

  /** `pane` has `stream`, `info`, `app` and `act(action)`. */
  constructor(pane) {
    this.pane = pane;
    const button = (text, onclick, props = {}) => h("button", { type: "button", onclick, ...props }, text);
    this.text = h("textarea", { rows: "2", "aria-label": "Message to the agent" });
    this.text.value = pane.app.drafts.get(pane.stream) ?? "";
    this.text.addEventListener("keydown", (event) => this.#onKey(event));
    this.text.addEventListener("input", () => this.#onInput());
    const hint = { class: "main", title: "Ctrl+Enter" };
    this.send = button("Send", () => this.#send(), hint);
    this.stop = button("Stop", () => this.#cancel(), { class: "stop" });
    this.redirect = button("Stop, and do this instead", () => this.#cancel(this.text.value));
    this.resume = button("Continue in a new run", () => this.#resume(), hint);
    this.again = button("New run with this…", () => this.#again());
    const actions = h("div", { class: "actions" }, this.redirect, this.stop, this.send, this.again, this.resume);
    this.element = h("div", { class: "write" }, this.text, actions);
    this.show();
  }

  /** True if a new run can go on with the session or conversation of this one. */
  #resumes() {
    const { session, conversation, agent } = this.pane.info ?? {};
    const { app } = this.pane;
    return conversation ? app.agents().includes(agent) : Boolean(session) && app.resumes(agent);
  }

  /** Shows what can be done in the state of the run. */
  show() {
    const { alive, state, isGone } = this.pane.info ?? {};
    const hasText = this.text.value.trim() !== "";
    const resumes = !alive && !isGone && this.#resumes();
    this.send.hidden = !alive;
    // Between two turns there is nothing to stop.
    this.stop.hidden = !alive || state === "waiting";
    this.redirect.hidden = this.stop.hidden || !hasText;
    this.resume.hidden = !resumes;
    this.again.hidden = alive || !this.pane.app.agents().length;
    setText(this.again, hasText ? "New run with this…" : "New run…");
    for (const button of [this.send, this.resume]) button.disabled = !hasText || this.#isBusy;
    this.stop.disabled = this.redirect.disabled = this.#isBusy;
    this.text.placeholder = alive
      ? "Message to the agent"
      : resumes
        ? "Next prompt, in the same session"
        : "The run is over. Prompt of a new run";
    setText(this.stop, this.#isStopping ? "Stopping…" : "Stop");
    this.element.hidden = !this.pane.info || isGone || (!alive && this.again.hidden && this.resume.hidden && !hasText);
  }

  #onInput() {
    this.pane.app.drafts.set(this.pane.stream, this.text.value);
    this.show();
  }

  #onKey(event) {
    if (event.key === "Escape") return this.pane.box.focus();
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || this.text.value.trim() === "") return;
    event.preventDefault();
    if (this.pane.info?.alive) this.#send();
    else if (!this.resume.hidden) this.#resume();
    else this.#again();
  }

  /** Does something with the text, which goes if it was done. */
  async #with(text, action) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.show();
    const done = await this.pane.act(action);
    this.#isBusy = false;
    if (done && this.text.value === text) {
      this.text.value = "";
      this.pane.app.drafts.delete(this.pane.stream);
    }
    this.show();
  }

  #send() {
    const text = this.text.value;
    return this.#with(text, () => post(runPath(this.pane.stream, "/messages"), { text }));
  }

  async #cancel(then) {
    const body = then === undefined ? { reason: "stopped on the page" } : { reason: "redirected on the page", then };
    this.#isStopping = true;
    await this.#with(then, () => post(runPath(this.pane.stream, "/cancel"), body));
    this.#isStopping = false;
    this.show();
    // Whoever used the keyboard is not left on a button that is gone.
    if (document.activeElement === document.body) this.pane.box.focus();
  }

  #resume() {
    const { session, conversation, agent, label } = this.pane.info;
    const text = this.text.value;
    return this.#with(text, async () => {
      const started = conversation
        ? await post("chat", { message: text, conversation, agent })
        : await post("runs", { prompt: text, agent, session, ...(label && { label }) });
      this.pane.app.open(started.stream, this.pane);
    });
  }

  /** Opens the dialog with this text, or with the prompt of the run. */
  #again() {
    const { agent, label, cwd } = this.pane.info;
    this.pane.app.start.open({ agent, label, cwd, prompt: this.text.value.trim() || this.pane.firstPrompt() });
  }
}
