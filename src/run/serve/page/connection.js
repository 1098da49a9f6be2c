// The one connection for events: server-sent events of all runs in short, and of the runs that are shown in full. A browser
// opens few connections to a server, so that one for each run would not do.

import { request } from "./api.js";

/** Types of events of all runs that change the list. */
const ONLY = "turn_started,turn_completed,turn_failed,turn_cancelled,status";

/** Time without a byte after which the connection is taken for lost, in milliseconds. The server sends one each 15 s. */
const SILENT = 40000;

/** Longest time between two attempts, in milliseconds. */
const MAX_WAIT = 30000;

/** Time for which events are handled before the browser gets its turn, in milliseconds. */
const SLICE = 8;

/** Parser of server-sent events. */
class Frames {
  #rest = "";
  #frame = { id: "", name: "message", data: [] };

  /** Takes a text, and gives the frames that are complete. */
  *take(text) {
    let begin = 0;
    for (let end; (end = text.indexOf("\n", begin)) >= 0; begin = end + 1) {
      const line = this.#rest + text.slice(begin, end);
      this.#rest = "";
      if (line !== "" && line !== "\r") this.#field(line.endsWith("\r") ? line.slice(0, -1) : line);
      else yield this.#end();
    }
    this.#rest += text.slice(begin);
  }

  #field(line) {
    const colon = line.indexOf(":");
    const [name, value] = colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
    if (name === "data") this.#frame.data.push(value);
    else if (name === "id") this.#frame.id = value;
    else if (name === "event") this.#frame.name = value;
    else if (name === "retry") this.#frame.retry = Number(value);
  }

  #end() {
    const frame = { ...this.#frame, data: this.#frame.data.join("\n") };
    this.#frame = { id: "", name: "message", data: [] };
    return frame;
  }
}

/** Lets the browser do what waits. */
const pause = () => new Promise((next) => setTimeout(next));

export class Connection {
  /** Place behind the last event of each run that is shown; its stream alone at the beginning. */
  #places = new Map();
  #handlers;
  #stop = new AbortController();
  #wake = () => {};
  #wanted = false;
  #retry = 3000;
  #failures = 0;

  /** `handlers`: `event(event)` of any run, `runEvent(stream, event, id, before)` of one that is shown, `reset(stream)` if it
   * comes again from its start, `gone(stream)`, `operation(operation)`, and `state(name, seconds)`. */
  constructor(handlers) {
    this.#handlers = handlers;
    document.addEventListener("visibilitychange", () => this.#setWanted(!document.hidden));
    for (const name of ["online", "focus"]) addEventListener(name, () => this.retryNow());
    this.#setWanted(true);
    this.#loop();
  }

  /** Shows a run from its start on. */
  show(stream) {
    this.#places.set(stream, stream);
    this.#again();
  }

  hide(stream) {
    this.#places.delete(stream);
  }

  /** Tries again at once. */
  retryNow() {
    this.#wake();
  }

  /** A hidden page needs no events, and leaves the connection to others. */
  #setWanted(wanted) {
    this.#wanted = wanted;
    if (wanted) this.#wake();
    else this.#again();
  }

  #again() {
    this.#stop.abort();
    this.#wake();
  }

  async #loop() {
    for (;;) {
      if (!this.#wanted) {
        await new Promise((next) => (this.#wake = next));
        continue;
      }
      this.#stop = new AbortController();
      const stopped = this.#stop.signal;
      const problem = await this.#read(stopped).catch((error) => error);
      if (stopped.aborted) continue;
      const times = 2 ** Math.min(this.#failures++, 6);
      const wait = Math.min(this.#retry * times, MAX_WAIT);
      const detail = problem?.status === undefined ? "the server has closed the connection" : problem.message;
      this.#handlers.state(problem?.status === 401 ? "refused" : "lost", wait, detail);
      await new Promise((next) => {
        this.#wake = next;
        setTimeout(next, wait);
      });
    }
  }

  /** Reads one connection to its end. */
  async #read(signal) {
    const runs = [...this.#places.values()].map(encodeURIComponent).join(",");
    const path = `stream?from=now&trace=1&only=${ONLY}` + (runs && "&runs=" + runs);
    const answer = await request(path, { signal, headers: { Accept: "text/event-stream" } });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const frames = new Frames();
    let timer;
    try {
      for (let first = true; ; first = false) {
        timer = setTimeout(() => reader.cancel(), SILENT);
        const { value, done } = await reader.read();
        clearTimeout(timer);
        if (done) return;
        if (first) {
          this.#failures = 0;
          this.#handlers.state("open");
        }
        let until = performance.now() + SLICE;
        for (const frame of frames.take(value)) {
          if (signal.aborted) return;
          // One event that cannot be shown does not stop the others.
          try {
            this.#take(frame);
          } catch (error) {
            console.error(error);
          }
          if (performance.now() < until) continue;
          await pause();
          until = performance.now() + SLICE;
        }
      }
    } finally {
      clearTimeout(timer);
      // What was not read is not wanted any more.
      reader.cancel().catch(() => {});
    }
  }

  #take(frame) {
    if (frame.retry >= 0) this.#retry = frame.retry;
    const at = frame.id.lastIndexOf("@");
    const stream = at < 0 ? "" : frame.id.slice(0, at);
    if (frame.data === "") {
      if (this.#places.has(stream)) this.#places.set(stream, frame.id);
      return;
    }
    const data = JSON.parse(frame.data);
    if (frame.name === "trace") this.#handlers.operation(data);
    else if (frame.name === "gone") this.#handlers.gone(data.run.replace(/@.*/, ""));
    else if (frame.name === "gap") this.#gap(data);
    else if (at < 0) this.#handlers.event(data);
    else if (this.#places.has(stream)) {
      const before = this.#places.get(stream);
      this.#places.set(stream, frame.id);
      this.#handlers.runEvent(stream, data, before);
    }
  }

  /** A place of a run that is none any more: the run comes from its start. */
  #gap(data) {
    const at = String(data.to).lastIndexOf("@");
    if (at < 0) return;
    const stream = data.to.slice(0, at);
    this.#places.set(stream, data.to);
    this.#handlers.reset(stream);
  }
}
