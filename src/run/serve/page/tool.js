// A tool call in words: name and title, input as a change, a list or text, output as text. The rules are those of
// src/term/view/tool.rs and call.rs.

import { oneLine } from "./words.js";

/** Fields of an input that tell best what a call does, the best first. */
const TELLING = ["command", "cmd", "file_path", "path", "pattern", "query", "url", "description", "prompt", "text"];

/** Keys of the text before and after an edit. */
const EDITS = [
  ["old_string", "new_string"],
  ["old_str", "new_str"],
  ["oldText", "newText"],
  ["old_text", "new_text"],
];

/** Arguments that a title shows, and their length. */
const ARGUMENTS = 12;
const ARGUMENT = 40;

/** Unchanged lines that are shown around a change. */
const CONTEXT = 3;

/** Length of an input or output of which the middle is left out. */
const MAX_TEXT = 65536;

/** Depth to which JSON becomes text. */
const MAX_DEPTH = 4;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isEmpty = (value) =>
  value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
const lines = (text) => text.replace(/\r?\n$/, "").split(/\r?\n/);

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Object or list in a string that is JSON; any other value unchanged. Some runtimes give arguments like that. */
function unpacked(value) {
  if (typeof value !== "string" || !/^\s*[{[]/.test(value)) return value;
  return parsed(value) ?? value;
}

export function name(tool) {
  return oneLine(String(tool.name ?? ""), 64) || "tool";
}

/** The call on one line without the tool's name: its title, else its arguments, else its files. */
export function title(tool) {
  const own = String(tool.name ?? "").trim();
  const given = withoutName(String(tool.title ?? "").trim(), own);
  if (given) return command(given);
  const words = tool.input === undefined ? "" : summary(unpacked(tool.input));
  if (words === "")
    return (
      (tool.paths ?? []).slice(0, 3).join(", ") + (tool.paths?.length > 3 ? ` and ${tool.paths.length - 3} more` : "")
    );
  return words === own ? "" : words;
}

function withoutName(title, name) {
  const rest = title.slice(name.length);
  const isNamed = title.slice(0, name.length).toLowerCase() === name.toLowerCase() && /^($|[ :])/.test(rest);
  return isNamed ? rest.replace(/^:+/, "").trimStart() : title;
}

/** An input in a few words: its most telling field, then the others; of a command the command alone. */
function summary(input) {
  if (typeof input === "string") return command(input.trim());
  if (!isObject(input)) return value(input, 200);
  const key = TELLING.find((key) => words(input[key]).trim() !== "");
  if (key === undefined) return pairs(Object.entries(input));
  const telling = words(input[key]).trim();
  if (key === "command" || key === "cmd") return command(telling);
  return `${telling} ${pairs(Object.entries(input).filter(([other]) => other !== key))}`.trim();
}

/** A string, or a list of strings as a command line. */
function words(value) {
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.filter((word) => typeof word === "string").join(" ") : "";
}

function pairs(entries) {
  const known = entries.filter(([, value]) => !isEmpty(value));
  const out = known.slice(0, ARGUMENTS).map(([key, raw]) => {
    const shown = value(raw, ARGUMENT);
    return `${oneLine(key, ARGUMENT)}=${typeof raw === "string" && shown.includes(" ") ? `"${shown}"` : shown}`;
  });
  return out.concat(known.length > ARGUMENTS ? ["…"] : []).join(" ");
}

function value(raw, most) {
  if (typeof raw === "string") return oneLine(raw, most);
  if (isObject(raw)) return oneLine(`(${Object.keys(raw).slice(0, ARGUMENTS).join(" ")})`, most);
  if (!Array.isArray(raw) || !raw.length) return JSON.stringify(raw);
  if (raw.some((item) => typeof item === "object" && item)) return `(${raw.length} item${raw.length === 1 ? "" : "s"})`;
  return oneLine(
    raw
      .slice(0, ARGUMENTS)
      .map((item) => value(item, ARGUMENT))
      .join(", "),
    most,
  );
}

/** A command line without the shell that runs it and without `cd ... &&` before it. */
export function command(line) {
  let rest = inShell(line) ?? line;
  for (let next; (next = behindCd(rest));) rest = next;
  return rest;
}

/** Script of `sh -c SCRIPT` in any of its forms. */
function inShell(line) {
  const [, path, after] = /^(\S+) (.*)$/s.exec(line) ?? [];
  if (!path) return undefined;
  const program = path
    .split(/[/\\]/)
    .at(-1)
    .toLowerCase()
    .replace(/\.exe$/, "");
  if (program === "env") return inShell(after.trimStart());
  if (!["sh", "bash", "zsh", "dash", "ksh", "fish", "ash", "cmd", "powershell", "pwsh"].includes(program))
    return undefined;
  for (let rest = after; ;) {
    const [, word, next] = /^\s*(\S+)\s+(.*)$/s.exec(rest) ?? [];
    if (!word || !/^[-/]/.test(word)) return undefined;
    const flag = word.toLowerCase();
    rest = next;
    if (["c", "command", "k"].includes(flag.slice(1)) || /^-[^-]{0,2}c$/.test(flag)) return unquoted(rest.trim());
    if (flag === "-executionpolicy" || flag === "-o") rest = rest.replace(/^\S+\s+/, "");
  }
}

/** Inside of a text that is one quoted word; any other text unchanged. */
function unquoted(text) {
  if (/^'.*'$/s.test(text)) return text.slice(1, -1).replaceAll(`'\\''`, "'").replaceAll(`'"'"'`, "'");
  return /^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(["\\$`])/g, "$1") : text;
}

/** Command behind `cd DIR &&` or `cd DIR;`, if there is one. */
const behindCd = (line) => /^\s*cd (?:[^'"&;|\n(`]|'[^']*'|"[^"]*")*(?:&&|;)\s*(\S.*?)\s*$/s.exec(line)?.[1];

/** Title without the working directory before a file; a command stays as it is. */
export function local(title, kind, cwd) {
  const within = kind !== "execute" && cwd?.length > 1 && title.startsWith(cwd + "/") && title.length > cwd.length + 1;
  return within ? title.slice(cwd.length + 1) : title;
}

/** Input of a call for people: `{change}`, `{list}` or `{text}`; nothing if the title says it all. */
export function input(tool, title) {
  if (tool.input === undefined) return {};
  const given = unpacked(tool.input);
  const fields = isObject(given) ? given : {};
  const plan = [fields.todos, fields.plan].find(isPlan);
  if (plan) return { list: plan.slice(0, 200).map(planEntry) };
  const edit = change(given, fields, tool);
  if (edit) return { change: limited(edit) };
  const known = Object.values(fields).filter((value) => !isEmpty(value));
  if (isObject(given) && known.length === 0) return {};
  const only =
    known.length === 1 ? (typeof known[0] === "string" ? known[0] : JSON.stringify(known[0])).trim() : undefined;
  if (only !== undefined && (only === title || command(only) === title)) return {};
  const text = readable(given).trim();
  return text === "" || text === title ? {} : { text: limited(text) };
}

export const isPlan = (list) =>
  Array.isArray(list) && list.length > 0 && list.every((entry) => isObject(entry) && "status" in entry);

/** Entry of a plan: its state (`x` done, `>` in work, `-` given up, or a space) and its words. */
export function planEntry(entry) {
  if (!isObject(entry)) return { state: " ", words: oneLine(words(entry) || JSON.stringify(entry)) };
  const states = {
    completed: "x",
    done: "x",
    in_progress: ">",
    inProgress: ">",
    active: ">",
    cancelled: "-",
    skipped: "-",
  };
  const key = ["content", "step", "text", "title", "description"].find((key) => typeof entry[key] === "string");
  return {
    state: states[entry.status] ?? (entry.completed === true ? "x" : " "),
    words: oneLine(key ? entry[key] : JSON.stringify(entry)),
  };
}

/** Change that an edit makes, as lines that begin with `+`, `-` or a space. */
function change(given, fields, tool) {
  const own = replaced(fields);
  if (own) return own;
  for (const key of ["edits", "changes", "content"]) {
    const list = Array.isArray(fields[key]) ? fields[key].filter(isObject) : [];
    const all = list.map((edit) => {
      const lines = replaced(edit) ?? (typeof edit.diff === "string" ? edit.diff : undefined);
      return lines && `@@${typeof edit.path === "string" ? " " + edit.path : ""}\n${lines}`;
    });
    if (all.length && all.every(Boolean)) return all.join("\n");
  }
  const patch = ["patch", "diff", "unified_diff", "input"]
    .map((key) => fields[key])
    .concat(given)
    .find((text) => typeof text === "string");
  if (patch && /^(\*\*\* Begin Patch|diff --git |--- |@@ )/.test(patch)) return patch;
  const content = ["content", "file_text"].map((key) => fields[key]).find((text) => typeof text === "string");
  return tool.kind === "edit" && content !== undefined ? marked("+", lines(content)) : undefined;
}

function replaced(edit) {
  const keys = EDITS.find(
    ([before, after]) => typeof edit[after] === "string" && (edit[before] ?? "") === String(edit[before] ?? ""),
  );
  if (!keys) return undefined;
  const before = edit[keys[0]] ? lines(edit[keys[0]]) : [];
  const after = edit[keys[1]] ? lines(edit[keys[1]]) : [];
  let same = 0;
  while (same < before.length && same < after.length && before[same] === after[same]) same++;
  let tail = 0;
  const rest = Math.min(before.length, after.length) - same;
  while (tail < rest && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const end = before.length - tail;
  const parts = [
    marked(" ", before.slice(Math.max(0, same - CONTEXT), same)),
    marked("-", before.slice(same, end)),
    marked("+", after.slice(same, after.length - tail)),
    marked(" ", before.slice(end, end + CONTEXT)),
  ];
  return parts.filter(Boolean).join("\n");
}

const marked = (mark, lines) => lines.map((line) => mark + line).join("\n");

/** JSON as text: a string without its quotes, a line for each field, the text of content items. */
function readable(value, depth = MAX_DEPTH) {
  if (typeof value === "string") return value;
  if (depth === 0 || value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return value.length ? value.map((item) => readable(item, depth - 1)).join("\n") : "[]";
  if (value.type === "text" || value.type === "content") {
    const content = value.text ?? value.content;
    if (content !== undefined) return readable(content, depth - 1);
  }
  const known = Object.entries(value).filter(([, field]) => field !== null);
  return known
    .map(([key, field]) => {
      const text = readable(field, depth - 1);
      return text.includes("\n") ? `${key}:\n${text}` : `${key}: ${text}`;
    })
    .join("\n");
}

/** All fields of an input, none left out: what somebody decides on. */
export function allFields(input) {
  const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return isObject(input)
    ? Object.entries(input)
        .map(([key, value]) => `${key}: ${shown(value)}`)
        .join("\n")
    : shown(input);
}

/** A text, or its beginning and its end with a note between them. */
export function limited(text, most = MAX_TEXT) {
  if (text.length <= most) return text;
  const head = text.slice(0, most / 2).replace(/[\ud800-\udbff]$/, "");
  const tail = text.slice(-most / 2).replace(/^[\udc00-\udfff]/, "");
  return `${head}\n… ${text.length - head.length - tail.length} characters left out: see the raw events …\n${tail}`;
}

/** End of a call: look, mark, words behind the title, and output. */
export function finish(event) {
  const { outcome = "", exit_code: code } = event;
  const looks = {
    ok: ["ok", "✓"],
    error: ["bad", "✗"],
    denied: ["warn", "-"],
    cancelled: ["warn", "-"],
    unknown: ["dim", "-"],
    "": ["dim", "-"],
  };
  const [look, mark] = looks[outcome] ?? ["warn", "-"];
  let words = outcome;
  if (outcome === "ok") words = Number.isInteger(code) && code !== 0 ? `exit ${code}` : "";
  else if (outcome === "error") words = Number.isInteger(code) ? `exit ${code}` : "";
  else if (outcome === "unknown" || outcome === "") words = event.synthetic ? "not finished" : "outcome unknown";
  const output = event.output === undefined || event.output === null ? "" : readable(event.output);
  return {
    look: words === "not finished" ? "warn" : look,
    mark,
    words: oneLine(words),
    output: output.trim() === "" ? "" : limited(output),
  };
}
