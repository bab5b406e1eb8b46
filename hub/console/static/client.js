// The API, asked with the reader's own token.
// Invariant: the token lives in this tab's session storage and in the Authorization header; never in an address, a
// cookie or the page. Whatever goes wrong is one of two errors: the hub refused, or it is away.

const KEY = "hub.token";
const PATIENCE = 15_000;

/** The hub answered, and said no. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `status ${status}`);
    this.status = status;
    this.title = problem.title || `Status ${status}`;
    this.code = problem.code || "";
  }
}

/** Nobody answered, or the hub cannot just now. */
export class Away extends Error {}

const DRIFT = 5_000;

let memory = "";
let skew = 0;

/** The hub's time, in milliseconds: this machine's clock may be another. */
export const now = () => Date.now() + skew;

/** The token in use, "" for none. */
export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? memory;
  } catch {
    return memory; // storage is forbidden here: it lasts as long as the page
  }
}

export function useToken(text) {
  memory = text;
  try {
    if (text) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  } catch {
    // as above
  }
}

/** An answer as text. Raises Refused or Away. */
export async function askText(method, path, body) {
  const headers = {};
  if (token()) headers.Authorization = `Bearer ${token()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer, text;
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    answer = await fetch(path, { method, headers, body, signal, credentials: "omit", cache: "no-store", redirect: "error" });
    const told = Date.parse(answer.headers.get("Date") ?? "") - Date.now();
    skew = Math.abs(told) > DRIFT ? told : 0; // the header has whole seconds
    text = await answer.text();
  } catch (error) {
    throw new Away(error.name === "TimeoutError" ? "it did not answer in time" : "nobody answers");
  }
  if (answer.ok) return text;
  let problem = {};
  try {
    problem = JSON.parse(text) ?? {};
  } catch {
    // something between here and the hub answered
  }
  if (answer.status >= 500 || answer.status === 429) throw new Away(problem.detail || `it answers with status ${answer.status}`);
  throw new Refused(answer.status, problem);
}

/** What an address holds. */
export async function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = given.length ? `${path}?${new URLSearchParams(given)}` : path;
  return JSON.parse(await askText("GET", text));
}

/** A change; `body` is a value, or JSON that is sent as it stands. Answers what the hub answered. */
export async function change(method, path, body) {
  const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const text = await askText(method, path, sent);
  return text ? JSON.parse(text) : null;
}

/** A segment of a path. */
export const segment = (text) => encodeURIComponent(text);
