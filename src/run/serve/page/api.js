// Requests to the server, with the token.

/** Refusal of a request, or a server that cannot be reached (status 0). */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const KEY = "token";

/** Difference between the clocks of the server and of this browser that counts, and what it is now, in milliseconds. */
const SKEW = 3000;
let skew = 0;

/** Time of the server. */
export const serverNow = () => Date.now() + skew;

/** Called when the server wants another token. */
let onRefused = () => {};

/** Calls `refused` whenever the server wants another token. */
export function onToken(refused) {
  onRefused = refused;
}

/** Takes the token out of the address, where the printed URL has it, and keeps it for this tab. True if there was one. */
export function takeToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (!fragment.has(KEY)) return false;
  setToken(fragment.get(KEY));
  fragment.delete(KEY);
  history.replaceState(null, "", location.pathname + (fragment.size ? "#" + fragment : ""));
  return true;
}

export function setToken(token) {
  sessionStorage.setItem(KEY, token);
}

/** Sends a request. An answer that is no success is thrown as a problem. */
export async function request(path, { headers = {}, ...options } = {}) {
  // A header takes no other characters, and the server's token has none.
  const token = (sessionStorage.getItem(KEY) ?? "").replace(/[^\x21-\x7e]/g, "");
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { Authorization: "Bearer " + token, ...headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "the server does not answer");
  }
  const difference = Date.parse(answer.headers.get("Date")) - Date.now();
  skew = Math.abs(difference) > SKEW ? difference : 0;
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) onRefused();
  throw new Problem(answer.status, body.detail ?? `status ${answer.status}`);
}

export const get = async (path) => (await request(path)).json();

export async function post(path, body, headers = {}) {
  const sent = {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...headers },
  };
  return (await request(path, sent)).json();
}

/** Path of a run, or of something of it. */
export const runPath = (stream, rest = "") => `runs/${encodeURIComponent(stream)}${rest}`;
