// Dialog that starts runs.

import { Problem, post } from "./api.js";
import { byId, fill, h, setText } from "./dom.js";
import { inWords } from "./pane.js";
import { bytes, plural } from "./words.js";

export class Start {
  #context = [];
  /** Prompt of an earlier run that the dialog was opened with. */
  #given;

  /** `app` has `agents()`, `maxRuns()`, `root()` and `started(streams)`. */
  constructor(app) {
    this.app = app;
    this.dialog = byId("start");
    byId("start-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    byId("start-prompt").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      byId("start-form").requestSubmit();
    });
    byId("start-form").addEventListener("input", () => {
      setText(byId("start-problem"), "");
      this.#summarise();
    });
    byId("start-add").addEventListener("click", () => this.#add());
    byId("start-cancel").addEventListener("click", () => this.dialog.close());
  }

  /** Opens the dialog as it was left, or with what an earlier run was started with. */
  open({ agent, prompt, label, cwd } = {}) {
    // What came from an earlier run and was not changed is not meant for another one.
    if (prompt || byId("start-prompt").value === this.#given) byId("start-form").reset();
    this.#given = prompt;
    const agents = this.app.agents();
    const field = byId("start-agent");
    const chosen = agents.includes(agent) ? agent : field.value;
    const options = agents.map((name, n) => h("option", { value: name }, n === 0 ? `${name} (default)` : name));
    fill(field, options);
    if (agents.includes(chosen)) field.value = chosen;
    if (prompt) byId("start-prompt").value = prompt;
    if (label) byId("start-label").value = label;
    if (cwd?.startsWith(this.app.root() + "/")) byId("start-cwd").value = cwd.slice(this.app.root().length + 1);
    byId("start-each").max = String(this.app.maxRuns());
    byId("start-none").hidden = agents.length > 0;
    byId("start-go").disabled = agents.length === 0;
    setText(byId("start-problem"), "");
    this.#summarise();
    if (!this.dialog.open) this.dialog.showModal();
    byId("start-prompt").focus();
  }

  /** Says what is set where the fields are folded. */
  #summarise() {
    const value = (id) => byId(id).value.trim();
    const count = Number(value("start-each"));
    const set = [
      this.#context.length > 0 && plural(this.#context.length, "text"),
      value("start-label") && `label ${value("start-label")}`,
      value("start-cwd") && `in ${value("start-cwd")}`,
      count > 1 && plural(count, "run"),
    ].filter(Boolean);
    setText(byId("start-more"), `More: ${set.join(", ") || "context, label, directory, number of runs"}`);
  }

  /** Adds the text of the field as context: it is stored when the run starts. */
  #add() {
    const field = byId("start-context");
    if (field.value === "") return;
    this.#context.push(field.value);
    field.value = "";
    this.#show();
    field.focus();
  }

  #show() {
    this.#summarise();
    fill(
      byId("start-contexts"),
      this.#context.map((text, n) => {
        const size = bytes(new TextEncoder().encode(text).length);
        const remove = h(
          "button",
          {
            type: "button",
            "aria-label": `Remove text ${n + 1}`,
            onclick: () => {
              this.#context.splice(n, 1);
              this.#show();
            },
          },
          "×",
        );
        return h("li", {}, h("code", {}, text.slice(0, 60)), ` ${size} `, remove);
      }),
    );
  }

  async #start() {
    // A text that was pasted and not added is meant too.
    this.#add();
    const value = (id) => byId(id).value.trim();
    const button = byId("start-go");
    button.disabled = true;
    setText(byId("start-problem"), "");
    try {
      const context = [];
      for (const text of this.#context) context.push((await post("paste", { text })).ref);
      const each = Number(value("start-each"));
      const { streams } = await post("runs", {
        agent: value("start-agent"),
        prompt: byId("start-prompt").value,
        context,
        ...(value("start-label") && { label: value("start-label") }),
        ...(value("start-cwd") && { cwd: value("start-cwd") }),
        ...(each > 1 && { each }),
      });
      this.dialog.close();
      byId("start-form").reset();
      this.#context = [];
      this.#show();
      this.app.started(streams);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setText(byId("start-problem"), inWords(error.message));
    } finally {
      button.disabled = false;
    }
  }
}
