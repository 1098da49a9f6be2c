// Requests to the server, with the token.

/** Refusal of a request, or a server that cannot be reached (status 0). */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const KEY = "token";

/** Called when the server wants another token. */
let onRefused = () => {};

/** Takes the token out of the address, where the printed URL has it, and keeps it for this tab. */
export function takeToken(refused) {
  onRefused = refused;
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (!fragment.has(KEY)) return;
  setToken(fragment.get(KEY));
  fragment.delete(KEY);
  history.replaceState(null, "", location.pathname + (fragment.size ? "#" + fragment : ""));
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
