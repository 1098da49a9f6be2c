// Markdown of an agent as elements: headings, lists, code, quotes, tables and links with their target shown. There is no raw
// HTML, no image, and no link to anything but a page or a mailbox.

import { h } from "./dom.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`\s]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?: +|$)/;
const DELIMITERS = /^ {0,3}\|?(?:\s*:?-+:?\s*\|)+(?:\s*:?-+:?\s*)?\|?\s*$/;

/** Depth of lists and quotes; deeper ones are text. */
const MAX_DEPTH = 16;

/** Elements of a text that may begin within a block of code, which the line `fence` opens. */
export function render(text, fence = "") {
  return blocks((fence ? fence + "\n" + text : text).split("\n"), 0);
}

function blocks(lines, depth) {
  const out = [];
  let at = 0;
  const starts = (line) =>
    line.trim() === "" ||
    FENCE.test(line) ||
    HEADING.test(line) ||
    RULE.test(line) ||
    (depth < MAX_DEPTH && (QUOTE.test(line) || ITEM.test(line)));
  while (at < lines.length) {
    const line = lines[at];
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    if (line.trim() === "") at++;
    else if (fence) at = code(lines, at, fence, out);
    else if (heading) {
      out.push(h("h" + Math.min(6, heading[1].length + 2), {}, inline(heading[2] ?? "")));
      at++;
    } else if (RULE.test(line)) {
      out.push(h("hr"));
      at++;
    } else if (QUOTE.test(line) && depth < MAX_DEPTH) {
      const begin = at;
      while (at < lines.length && (QUOTE.test(lines[at]) || !starts(lines[at]))) at++;
      out.push(
        h(
          "blockquote",
          {},
          blocks(
            lines.slice(begin, at).map((line) => line.replace(QUOTE, "")),
            depth + 1,
          ),
        ),
      );
    } else if (ITEM.test(line) && depth < MAX_DEPTH) at = list(lines, at, depth, out);
    else if (line.includes("|") && DELIMITERS.test(lines[at + 1] ?? "")) at = table(lines, at, out);
    else if (/^ {4}/.test(line)) {
      const begin = at;
      while (at < lines.length && (/^ {4}/.test(lines[at]) || lines[at].trim() === "")) at++;
      out.push(
        h(
          "pre",
          { class: "code", tabindex: "0" },
          lines
            .slice(begin, at)
            .map((line) => line.slice(4))
            .join("\n")
            .trimEnd(),
        ),
      );
    } else {
      const begin = at++;
      while (at < lines.length && !starts(lines[at]) && !/^ {0,3}=+\s*$/.test(lines[at])) at++;
      const text = lines
        .slice(begin, at)
        .map((line) => line.trimStart())
        .join("\n");
      const isTitle = at < lines.length && /^ {0,3}=+\s*$/.test(lines[at]);
      if (isTitle) at++;
      out.push(h(isTitle ? "h3" : "p", {}, inline(text)));
    }
  }
  return out;
}

function code(lines, at, [, mark, language], out) {
  const begin = at + 1;
  const closes = new RegExp(`^ {0,3}\\${mark[0]}{${mark.length},}\\s*$`);
  for (at = begin; at < lines.length && !closes.test(lines[at]); at++);
  const text = lines.slice(begin, at).join("\n");
  if (text !== "" || at < lines.length)
    out.push(h("pre", { class: "code", tabindex: "0", "data-language": language || null }, text));
  return at + 1;
}

function list(lines, at, depth, out) {
  const [, , mark] = ITEM.exec(lines[at]);
  const isNumbered = /\d/.test(mark);
  const kind = mark.at(-1);
  const items = [];
  while (at < lines.length) {
    const next = ITEM.exec(lines[at]);
    if (!next || next[2].at(-1) !== kind || RULE.test(lines[at])) break;
    const width = next[0].length;
    const own = [lines[at].slice(width)];
    for (at++; at < lines.length; at++) {
      const line = lines[at];
      const indent = line.length - line.trimStart().length;
      if (line.trim() === "") {
        const after = lines.slice(at + 1).find((line) => line.trim() !== "");
        if (after === undefined || after.length - after.trimStart().length < width) break;
        own.push("");
      } else if (indent >= Math.min(width, 2)) own.push(line.slice(Math.min(indent, width)));
      else if (
        own.at(-1) === "" ||
        ITEM.test(line) ||
        FENCE.test(line) ||
        HEADING.test(line) ||
        QUOTE.test(line) ||
        RULE.test(line)
      )
        break;
      else own.push(line);
    }
    items.push(item(own, depth));
    // One empty line may stand between two items.
    if (lines[at]?.trim() === "" && ITEM.exec(lines[at + 1] ?? "")?.[2].at(-1) === kind) at++;
  }
  const start = isNumbered && parseInt(mark, 10) !== 1 ? String(parseInt(mark, 10)) : null;
  out.push(h(isNumbered ? "ol" : "ul", { start }, items));
  return at;
}

function item(lines, depth) {
  const box = /^\[([ xX])\]\s+/.exec(lines[0]);
  if (box) lines[0] = lines[0].slice(box[0].length);
  const content = blocks(lines, depth + 1);
  // A single paragraph needs no space around it.
  if (content[0]?.tagName === "P") content.splice(0, 1, ...content[0].childNodes);
  const check =
    box &&
    h("input", {
      type: "checkbox",
      disabled: true,
      checked: box[1] !== " ",
      "aria-label": box[1] === " " ? "open" : "done",
    });
  return h("li", box ? { class: "check" } : {}, check, content);
}

function table(lines, at, out) {
  const cells = (line) =>
    line
      .trim()
      .replace(/^\||(?<!\\)\|$/g, "")
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll("\\|", "|"));
  const sides = cells(lines[at + 1]).map((cell) => (/^:.*:$/.test(cell) ? "centre" : /:$/.test(cell) ? "right" : null));
  const row = (line, tag) =>
    h(
      "tr",
      {},
      cells(line)
        .slice(0, sides.length)
        .map((cell, n) => h(tag, { class: sides[n] }, inline(cell))),
    );
  const head = row(lines[at], "th");
  const body = [];
  for (at += 2; at < lines.length && lines[at].includes("|") && lines[at].trim() !== ""; at++)
    body.push(row(lines[at], "td"));
  out.push(h("div", { class: "table", tabindex: "0" }, h("table", {}, h("thead", {}, head), h("tbody", {}, body))));
  return at;
}

// The lengths are bounded, so that no text takes long.
const INLINE = new RegExp(
  [
    "(?<ticks>`{1,8})(?!`)(?<code>[\\s\\S]{1,2000}?)(?<!`)\\k<ticks>(?!`)",
    "\\\\(?<escaped>[!-/:-@[-`{-~])",
    "!?\\[(?<text>(?:[^\\[\\]\\\\]|\\\\.|\\[[^\\[\\]]{0,200}\\]){0,500})\\]\\(\\s{0,4}<?(?<target>(?:[^\\s()<>]|\\([^\\s()<>]{0,200}\\)){0,2000})>?(?:\\s{1,4}[\"'][^\"'\\n]{0,300}[\"'])?\\s{0,4}\\)",
    "<(?<auto>(?:https?://|mailto:)[^\\s<>]{1,2000})>",
    "(?<![\\w/])(?<bare>https?://[^\\s<>`|]{1,2000})",
    "(?<strongMark>\\*\\*|(?<!\\w)__)(?=\\S)(?<strong>[\\s\\S]{0,1000}?\\S)\\k<strongMark>(?![*_])",
    "(?:\\*(?=[^\\s*])(?<star>[^*]{0,1000}?[^\\s*])\\*(?!\\*)|(?<![\\w_])_(?=[^\\s_])(?<under>[^_]{0,1000}?[^\\s_])_(?!\\w))",
    "~~(?=\\S)(?<strike>[^~]{0,1000}?\\S)~~",
    "(?<hard> {2,}|\\\\)\\n",
  ].join("|"),
  "g",
);

function inline(text) {
  const out = [];
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    const groups = match.groups;
    out.push(text.slice(last, match.index));
    last = match.index + match[0].length;
    if (groups.code !== undefined)
      out.push(h("code", {}, groups.code.replace(/^ (.*\S.*) $/s, "$1").replaceAll("\n", " ")));
    else if (groups.escaped) out.push(groups.escaped);
    else if (groups.target !== undefined) out.push(link(inline(groups.text), groups.text, groups.target));
    else if (groups.auto) out.push(link([groups.auto], groups.auto, groups.auto));
    else if (groups.bare) {
      // A mark behind an address belongs to the sentence.
      const address = groups.bare.replace(/[.,;:!?'"*_~]+$/, "").replace(/^([^()]*)\)+$/, "$1");
      out.push(link([address], address, address), groups.bare.slice(address.length));
    } else if (groups.strong) out.push(h("strong", {}, inline(groups.strong)));
    else if (groups.star || groups.under) out.push(h("em", {}, inline(groups.star ?? groups.under)));
    else if (groups.strike) out.push(h("s", {}, inline(groups.strike)));
    else out.push(h("br"));
  }
  out.push(text.slice(last));
  return out;
}

/** A link that shows where it leads; a text where it leads to no page and no mailbox. */
function link(content, text, target) {
  const isHarmless = /^(https?:\/\/|mailto:)/i.test(target);
  const shown = text.trim() === target || target === "" ? "" : h("span", { class: "target" }, ` (${target})`);
  if (!isHarmless) return [content, shown];
  return [
    h("a", { href: target, target: "_blank", rel: "noopener noreferrer nofollow" }, content.length ? content : target),
    shown,
  ];
}
