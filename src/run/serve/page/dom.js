// Elements of the page. Foreign text becomes text nodes only, with its invisible characters shown.

// Control characters, bidirectional controls and other characters that no reader sees. Joiners and variation selectors stay.
const INVISIBLE =
  /[\0-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]/gu;

function shown(c) {
  const code = c.codePointAt(0);
  if (code < 0x20) return "^" + String.fromCharCode(code + 0x40);
  return code === 0x7f ? "^?" : `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}

/** A text in which invisible characters are seen. A carriage return at the end of a line is left out. */
export function visible(text) {
  return text.replace(/\r(?=\n|$)/g, "").replace(INVISIBLE, shown);
}

/** An element with properties and children. A string among the children is foreign text. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(3)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    element.append(child instanceof Node ? child : visible(String(child)));
  }
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Replaces the content of an element. */
export function fill(element, ...children) {
  element.textContent = "";
  append(element, children);
}

/** Sets a text, if it is another one: a screen reader says a text again that is set again. */
export function setText(element, text) {
  const seen = visible(text);
  if (element.textContent !== seen) element.textContent = seen;
}

const NAMESPACE = "http://www.w3.org/2000/svg";

/** An icon of 16 by 16 units that is drawn with lines. */
export function icon(path) {
  const svg = document.createElementNS(NAMESPACE, "svg");
  for (const [name, value] of Object.entries({ class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" })) {
    svg.setAttribute(name, value);
  }
  const line = document.createElementNS(NAMESPACE, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** A bar in which each class has its share of the width. `stretches` are pairs of a class and milliseconds. */
export function bar(stretches, label) {
  const total = stretches.reduce((sum, [, ms]) => sum + ms, 0) || 1;
  const parts = stretches.map(([name, ms]) => {
    const part = h("i", { class: "c-" + name });
    part.style.width = (100 * ms) / total + "%";
    return part;
  });
  return h("div", { class: "times", role: "img", "aria-label": label, title: label }, parts);
}

/** Says something to screen readers. */
export function announce(text) {
  byId("announce").append(h("p", {}, text));
  while (byId("announce").childElementCount > 5) byId("announce").firstChild.remove();
}
