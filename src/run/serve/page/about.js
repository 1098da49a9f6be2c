// Dialogs with the operations on all runs and with the state of the server.

import { Problem, get, request } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { nameOf } from "./pane.js";
import { bytes, cost, count, duration, when } from "./words.js";

/** Operations that are shown. */
const MAX_OPERATIONS = 200;

export class About {
  /** `app` has `list` and `open(stream)`. */
  constructor(app) {
    this.app = app;
    for (const dialog of document.querySelectorAll("dialog")) {
      dialog.querySelector(".dismiss")?.addEventListener("click", () => dialog.close());
    }
  }

  async showHistory() {
    byId("history").showModal();
    byId("operations").closest(".table").scrollTop = 0;
    await this.#fill(byId("operations"), async () => {
      const answer = await request(`trace?limit=${MAX_OPERATIONS}`);
      const lines = (await answer.text()).split("\n").filter(Boolean);
      return lines.reverse().map((line) => this.#row(JSON.parse(line)));
    });
  }

  /** Takes an operation that was done now. */
  on(operation) {
    const table = byId("operations");
    if (!byId("history").open) return;
    table.prepend(this.#row(operation));
    while (table.childElementCount > MAX_OPERATIONS) table.lastChild.remove();
  }

  #row(operation) {
    const { ts, op, run, mode, by, outcome, duration_ms: took, cost_usd: usd } = operation;
    const show = () => {
      byId("history").close();
      this.app.open(run);
    };
    const name = nameOf(this.app.list.runs.get(run) ?? { stream: run });
    const link = run && h("button", { type: "button", class: "link", title: run, onclick: show }, name);
    const cells = [
      h("time", { datetime: ts, title: ts }, when(ts)),
      op,
      link,
      outcome,
      took === undefined ? "" : duration(took),
      cost(usd),
      mode,
      by,
    ];
    return h(
      "tr",
      {},
      cells.map((cell) => h("td", {}, cell)),
    );
  }

  async showStatus() {
    byId("status").showModal();
    await this.#fill(byId("facts"), async () => {
      const status = await get("status");
      const states = Object.entries(status.runs)
        .filter(([, n]) => n > 0)
        .map(([name, n]) => `${count(n)} ${name}`);
      const webhooks = status.webhooks.map((hook) =>
        h(
          "li",
          {},
          Object.entries(hook)
            .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
            .join(" · "),
        ),
      );
      const facts = [
        ["Version", status.version],
        ["Running for", duration(status.uptime_s * 1000)],
        ["Agents", status.agents.join(", ") || "none: see `spile serve --agent`"],
        ["Commands", status.commands.join(", ") || "none"],
        ["Runs", states.join(", ") || "none"],
        ["Live runs", `${status.live} of at most ${status.limits.max_runs}`],
        ["Connections", `${status.clients} of at most ${status.limits.max_clients}`],
        ["Free disk", bytes(status.disk_free_bytes)],
        ["Webhooks", webhooks.length ? h("ul", {}, webhooks) : "none"],
      ];
      return facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
    });
  }

  async #fill(element, content) {
    try {
      fill(element, await content());
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      fill(element, error.message);
    }
  }
}
