// Elements of the items of a run.

import { bar, h, visible } from "./dom.js";
import { render } from "./markdown.js";
import { duration, oneLine, usageAndCost } from "./words.js";

/** Lines of a change that are shown without a click. */
const MAX_CHANGE = 24;

/** Length of a text from which it is long. */
const LONG = 4000;

/** Deepest indentation. */
const MAX_DEPTH = 4;

/** The element of an item. `view` has `isPlain`, `names()` (true if its run has several streams), `redraw(items)` and `raw(item)`. */
export function element(item, view) {
  const content = DRAW[item.kind](item, view);
  const at = { "data-at": String(item.at), "data-stream": item.stream.name };
  if (!content) return h("div", { class: "hidden", ...at });
  const whose = item.isFirstOf && (item.depth > 0 ? caller(item) : view.names() && item.stream.name);
  const raw = h(
    "button",
    { type: "button", class: "raw", title: "Raw events", "aria-label": "Raw events", onclick: () => view.raw(item) },
    "{ }",
  );
  const drawn = h(
    "div",
    { class: `item is-${item.kind} depth-${Math.min(item.depth, MAX_DEPTH)}`, ...at },
    whose && h("p", { class: "of" }, whose),
    content,
    raw,
  );
  // A long text is laid out when it comes near the window.
  const length = item.piece?.text.length ?? 0;
  if (length > LONG) {
    drawn.style.contentVisibility = "auto";
    drawn.style.containIntrinsicSize = `auto ${Math.ceil(length / 80) * 22}px`;
  }
  return drawn;
}

const caller = (item) =>
  item.caller ? `sub-agent of ${item.caller.name} ${oneLine(item.caller.title, 60)}` : "sub-agent";

const DRAW = {
  turn(item) {
    const head = h("h2", { "data-turn": String(item.turn) }, `Turn ${item.turn ?? ""}`, h("small", {}, item.words));
    return [head, item.prompt && h("div", { class: "prompt" }, item.prompt)];
  },

  message(item) {
    return h("div", { class: "prompt message" }, item.by && h("b", {}, `${item.by}: `), item.text);
  },

  answer(item, view) {
    return text(item, view);
  },

  reasoning(item, view) {
    const { block, piece, number } = item;
    if (number > 0) return block.isOpen && text(item, view);
    const first = oneLine(piece.text.replace(/^[*#> \n]+/, ""), 90).replaceAll("**", "");
    const summary = h("summary", {}, "Reasoning · " + first);
    const fold = h("details", { class: "think", open: block.isOpen }, summary, block.isOpen && text(item, view));
    fold.addEventListener("toggle", () => {
      if (fold.open === block.isOpen) return;
      block.isOpen = fold.open;
      view.redraw(block.items);
    });
    return fold;
  },

  call(item, view) {
    const end = item.end ?? { look: "live", mark: "…", words: "", output: "" };
    const { change, list, text } = item.input;
    const hasBody = change || list || text || end.output;
    const line = [
      h("span", { class: "mark", "aria-hidden": "true" }, end.mark),
      h("b", { class: "name" }, item.name),
      item.title && h("code", { class: "title", title: visible(item.title) }, item.title),
      h(
        "span",
        { class: "words" },
        item.end ? h("span", { class: "hidden" }, LOOKS[end.look]) : h("span", {}, "runs"),
        end.words,
      ),
    ];
    if (!hasBody)
      return h("div", { class: `call ${end.look}`, "data-call": item.id }, h("div", { class: "line" }, line));
    const isSmall = change ? change.split("\n").length <= MAX_CHANGE : Boolean(list);
    const isOpen = item.isToggled ? item.isOpen : isSmall || end.look === "bad";
    const fold = h(
      "details",
      { class: `call ${end.look}`, "data-call": item.id, open: isOpen },
      h("summary", { class: "line" }, line),
    );
    let isFilled = false;
    const show = () => {
      if (!isFilled && fold.open) fold.append(...body(item, end));
      isFilled ||= fold.open;
    };
    fold.addEventListener("toggle", () => {
      show();
      if (fold.open !== isOpen || item.isToggled) [item.isToggled, item.isOpen] = [true, fold.open];
    });
    show();
    return fold;
  },

  plan(item) {
    return plan(item.entries);
  },

  notice(item) {
    if (!item.isLog) return item.lines.map(({ look, words }) => h("p", { class: "line " + look }, words));
    const fold = h(
      "details",
      { class: "log", open: item.isOpen },
      h("summary", {}, "Log · " + oneLine(item.lines[0].words, 90)),
    );
    const show = () => {
      item.isOpen = fold.open;
      if (fold.open && fold.childElementCount === 1) fold.append(...item.lines.map(({ words }) => h("p", {}, words)));
    };
    fold.addEventListener("toggle", show);
    show();
    return fold;
  },

  end(item) {
    const usage = usageAndCost(item.usage) || item.tokens;
    const first = h(
      "p",
      {},
      h("b", { class: "outcome" }, item.outcome),
      " ",
      item.took,
      item.reason && h("span", { class: "reason" }, " " + item.reason),
      item.claimed && h("span", { class: "claimed" }, ` (${item.claimed})`),
      usage && h("span", { class: "usage" }, usage),
    );
    const { files, more } = item;
    const changed =
      files.length > 0 &&
      h(
        "details",
        { class: "files" },
        h("summary", {}, `${files.length + more} changed file${files.length + more === 1 ? "" : "s"}`),
        h(
          "ul",
          {},
          files.map((file) => h("li", {}, h("code", {}, file))),
          more > 0 && h("li", {}, `and ${more} more`),
        ),
      );
    return h(
      "footer",
      { class: "end " + item.look, "data-outcome": item.outcome, "data-turn": String(item.usage.turn) },
      first,
      item.timing && times(item.timing),
      changed,
      item.stderr.trim() && h("pre", { class: "why", tabindex: "0" }, item.stderr),
    );
  },
};

const LOOKS = { ok: "ok", bad: "failed", warn: "", dim: "" };

function text(item, view) {
  const { text, fence } = item.piece;
  // The output of a plain command is no Markdown.
  if (view.isPlain || item.stream.runtime === "text") return h("pre", { class: "text plain" }, text);
  return h("div", { class: "text" }, render(text, fence));
}

function body(item, end) {
  const { change, list } = item.input;
  const parts = inputParts(item.input);
  // Of a change that was made the output says no more.
  if (end.output && (change || list) && end.look === "ok") {
    parts.push(
      h("details", { class: "log" }, h("summary", {}, "Output"), h("pre", { class: "out", tabindex: "0" }, end.output)),
    );
  } else if (end.output)
    parts.push(h("pre", { class: end.look === "bad" ? "out why" : "out", tabindex: "0" }, end.output));
  return parts;
}

function inputParts({ change, list, text }) {
  if (change) return [difference(change)];
  if (list) return [plan(list)];
  return text ? [h("pre", { class: "in", tabindex: "0" }, text)] : [];
}

function difference(change) {
  const tags = { "+": "ins", "-": "del", "@": "b", "*": "b" };
  const lines = change.split("\n").map((line) => h(tags[line[0]] ?? "span", {}, line + "\n"));
  return h("pre", { class: "diff", tabindex: "0" }, lines);
}

function plan(entries) {
  return h(
    "ul",
    { class: "plan" },
    entries.map(({ state, words }) => {
      const box = h("input", {
        type: "checkbox",
        disabled: true,
        checked: state === "x",
        "aria-label": { x: "done", ">": "in work", "-": "given up" }[state] ?? "open",
      });
      return h(
        "li",
        { "data-state": state },
        box,
        state === "-" ? h("s", {}, words) : state === ">" ? h("b", {}, words) : words,
      );
    }),
  );
}

/** Timeline of a turn, with a legend. */
export function times(timing) {
  const shares = timing.shares();
  if (!shares.length) return [];
  const total = shares.reduce((sum, { ms }) => sum + ms, 0);
  const legend = shares.map(({ name, of, ms, took }) =>
    h("li", { "data-ms": String(ms), "data-class": name }, h("i", { class: "c-" + name }), `${of} `, h("b", {}, took)),
  );
  return [
    bar(timing.stretches, shares.map(({ of, took }) => `${of} ${took}`).join(", ")),
    h("ul", { class: "legend" }, legend, h("li", { class: "sum" }, "in all ", h("b", {}, duration(total)))),
  ];
}
