// Time of a turn by classes. Each millisecond belongs to one of them, so that they sum to the turn. The rules are those of
// src/timing.rs.

import { duration, silence } from "./words.js";

/** Names of the classes, in the order of their importance; the short one is that of the style. */
export const CLASSES = [
  ["person", "waiting for permission"],
  ["retry", "retries"],
  ["tool", "tools"],
  ["start", "start"],
  ["model", "model"],
  ["other", "other"],
];

/** Words of a status that answers a question for permission. */
const ANSWERS = ["denied", "replied", "completed", "resolved", "granted", "approved"];

/** Stretches of a turn that are drawn; further ones are added to the last of their class. */
const MAX_STRETCHES = 400;

/** Step of a turn's time that an event is, beside text and calls. */
export function stepOfStatus(event) {
  if (event.kind === "permission") {
    const message = String(event.message ?? "");
    return ANSWERS.some((word) => message.includes(word)) ? "answered" : "asked";
  }
  return event.kind === "retry" ? "retry" : "other";
}

export class Timing {
  sums = { person: 0, retry: 0, tool: 0, start: 0, model: 0, other: 0 };
  stretches = [];
  #last;
  #pending = 0;
  #waits = false;
  #retries = false;
  #begun = false;
  #open = new Set();

  constructor(now) {
    this.began = now;
    this.#last = now;
  }

  /** Takes a step: `text`, `started`, `finished`, `asked`, `answered`, `retry` or `other`. */
  step(now, step, call = "") {
    this.#advance(now);
    const ofModel = step === "text" || step === "started";
    if (ofModel) {
      this.#assign("model");
      this.#begun = true;
    }
    if (ofModel || step === "finished") this.#waits = this.#retries = false;
    if (step === "started") this.#open.add(call);
    else if (step === "finished") this.#open.delete(call);
    else if (step === "asked") this.#waits = true;
    else if (step === "answered") this.#waits = false;
    else if (step === "retry") {
      // The request that failed took this time.
      this.#assign("retry");
      this.#retries = true;
    }
  }

  end(now) {
    this.#advance(now);
    this.#assign("other");
  }

  #advance(now) {
    const passed = Math.max(0, now - this.#last);
    this.#last += passed;
    if (this.#waits) this.#add("person", passed);
    else if (this.#retries) this.#add("retry", passed);
    else if (this.#open.size) this.#add("tool", passed);
    else if (!this.#begun) this.#add("start", passed);
    else this.#pending += passed;
  }

  #assign(name) {
    this.#add(name, this.#pending);
    this.#pending = 0;
  }

  #add(name, ms) {
    if (ms === 0) return;
    this.sums[name] += ms;
    const full = this.stretches.length >= MAX_STRETCHES;
    const known = full ? this.stretches.findLast(([of]) => of === name) : this.stretches.at(-1);
    if (known?.[0] === name) known[1] += ms;
    else this.stretches.push([name, ms]);
  }

  /** Timing as it would be if the turn ended now. */
  at(now) {
    const copy = Object.assign(new Timing(this.began), structuredClone({ sums: this.sums, stretches: this.stretches }));
    [copy.#last, copy.#pending, copy.#waits, copy.#retries] = [this.#last, this.#pending, this.#waits, this.#retries];
    [copy.#begun, copy.#open] = [this.#begun, this.#open];
    copy.end(now);
    return copy;
  }

  /** Classes that have any time, the longest first. */
  longest() {
    return CLASSES.map(([name, of]) => [of, this.sums[name]])
      .filter(([, ms]) => ms > 0)
      .sort((a, b) => b[1] - a[1]);
  }

  /** Classes that have any time, with words that sum to the words of the whole. */
  shares() {
    const total = Object.values(this.sums).reduce((sum, ms) => sum + ms, 0);
    const unit = total < 1000 ? 1 : total < 60000 ? 100 : total < 3600000 ? 1000 : 60000;
    const shares = CLASSES.map(([name, words]) => ({ name, words, ms: this.sums[name] })).filter(({ ms }) => ms > 0);
    for (const share of shares) share.units = Math.floor(share.ms / unit);
    // The rest of rounding down goes to the largest remainders.
    let left = Math.floor(total / unit) - shares.reduce((sum, { units }) => sum + units, 0);
    for (const share of shares.toSorted((a, b) => (b.ms % unit) - (a.ms % unit))) if (left-- > 0) share.units++;
    const words = (units) => {
      if (unit === 100) return `${Math.floor(units / 10)}.${units % 10}s`;
      if (unit === 1000) return units ? silence(units * unit) : "0s";
      if (unit === 60000) return `${Math.floor(units / 60)}h${String(units % 60).padStart(2, "0")}m`;
      return duration(units);
    };
    return shares.map(({ name, words: of, ms, units }) => ({ name, of, ms, took: words(units) }));
  }
}
