// Numbers, times and states in few words, as `spile view` has them.

/** A duration: `12ms`, `3.2s`, `2m05s`, `1h02m`. */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const two = (n) => String(n).padStart(2, "0");
  if (seconds < 1) return Math.floor(ms) + "ms";
  if (seconds < 60) return `${seconds}.${Math.floor((ms % 1000) / 100)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${two(Math.floor(seconds / 60) % 60)}m`;
}

/** A duration without fractions of a second. */
export function silence(ms) {
  const seconds = Math.floor(ms / 1000);
  return seconds >= 1 && seconds < 60 ? seconds + "s" : duration(ms);
}

/** A number with its thousands apart. */
export const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** Number and noun, as `1 turn` or `2 turns`. */
export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

/** Tokens of a `usage`; empty if there is no count. */
export function tokens(usage) {
  if (!usage) return "";
  const cached = usage.cache_read_tokens > 0 ? ` (${count(usage.cache_read_tokens)} cached)` : "";
  const parts = [];
  if (Number.isInteger(usage.input_tokens)) parts.push(`${count(usage.input_tokens)} in${cached}`);
  if (Number.isInteger(usage.output_tokens)) parts.push(`${count(usage.output_tokens)} out`);
  if (parts.length) return parts.join(" / ") + " tokens";
  return Number.isInteger(usage.total_tokens) ? count(usage.total_tokens) + " tokens" : "";
}

/** Cost in US dollars; empty if it is unknown. A runtime that knows no price reports 0. */
export function cost(usd) {
  if (typeof usd !== "number" || usd === 0) return "";
  return "$" + usd.toFixed(Math.abs(usd) < 1 ? 4 : 2);
}

/** Usage and cost of a terminal event. */
export function usageAndCost(event) {
  const total = tokens(event.usage_total);
  return [tokens(event.usage) || (total && total + " so far"), cost(event.cost_usd)].filter(Boolean).join(" · ");
}

/** First line of a text, at most `most` characters of it. */
export function oneLine(text, most = 200) {
  const trimmed = text.trim();
  const end = trimmed.search(/[\r\n]/);
  const first = end < 0 ? trimmed : trimmed.slice(0, end);
  if (first.length <= most) return end < 0 ? first : first + "…";
  return first.slice(0, most).replace(/[\ud800-\udbff]$/, "") + "…";
}

/** Time since an instant, for a list: `now`, `5m`, `3h`, `2d`. */
export function age(ms) {
  const minutes = Math.floor(ms / 60000);
  if (minutes < 1) return "now";
  if (minutes < 60) return minutes + "m";
  return minutes < 48 * 60 ? Math.floor(minutes / 60) + "h" : Math.floor(minutes / 1440) + "d";
}

/** Time of the day of this browser, with the date of another day. */
export function when(ts) {
  const [time, now] = [new Date(ts), new Date()];
  const day =
    time.toDateString() === now.toDateString()
      ? ""
      : time.toLocaleDateString([], { month: "short", day: "numeric" }) + " ";
  return day + time.toLocaleTimeString([], { hour12: false });
}

/** Size of a file or disk. */
export function bytes(n) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; n >= 1024 && unit < 4; unit++) n /= 1024;
  return `${unit && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}

/** State of a run in a word for people, and its look. */
export const STATES = {
  starting: ["starting", "live"],
  running: ["working", "live"],
  waiting: ["waiting for a message", "idle"],
  asking: ["asks for permission", "warn"],
  completed: ["completed", "ok"],
  failed: ["failed", "bad"],
  cancelled: ["cancelled", "dim"],
  missing: ["not there", "dim"],
};
