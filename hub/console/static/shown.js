// How values look: states, times, durations, long texts, tables.
// Invariant: whatever a value holds, it becomes text; a text of any length is cut until somebody asks for the whole.

import { copier, make } from "/docs/elements.js";
import { now } from "/console/client.js";

const CUT = 4_000;
const PIECE = 8_000;
const DASH = "–";
const KINDS = {
  completed: "good", connected: "good", active: "good", ok: "good",
  failed: "bad", stopped: "bad", refused: "bad", degraded: "bad", away: "bad",
  retrying: "warn", connecting: "warn", waiting: "warn", paused: "warn",
  processing: "busy", running: "busy", queued: "busy",
};

export const kindOf = (state) => KINDS[state] ?? "idle";

/** A state as a word with its mark. */
export function badge(state) {
  return make("span", { class: `badge ${kindOf(state)}` }, state ?? DASH);
}

const UNITS = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];

/** Seconds in a few characters. */
export function span(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  const size = Math.abs(seconds);
  if (size < 1) return size ? `${Math.round(size * 1000)} ms` : "0 s";
  const at = UNITS.findIndex(([unit]) => size >= unit);
  const [unit, name] = UNITS[at];
  const whole = Math.floor(size / unit);
  const next = UNITS[at + 1];
  const rest = next && whole < 10 ? Math.floor((size % unit) / next[0]) : 0;
  return rest ? `${whole} ${name} ${rest} ${next[1]}` : `${whole} ${name}`;
}

/** Milliseconds in a few characters. */
export const milliseconds = (value) => (value === null || value === undefined ? DASH : value < 1000 ? `${Math.round(value * 10) / 10} ms` : span(value / 1000));

export const count = (value) => (value === null || value === undefined ? DASH : value.toLocaleString("en"));

/** A rate a second. */
export function rate(value) {
  if (value === null || value === undefined) return DASH;
  return `${value >= 100 ? Math.round(value).toLocaleString("en") : value >= 10 ? value.toFixed(1) : value === 0 ? "0" : value.toFixed(2)}/s`;
}

function relative(instant) {
  const seconds = (now() - instant) / 1000;
  if (Math.abs(seconds) < 1) return "now";
  return seconds < 0 ? `in ${span(-seconds)}` : `${span(seconds)} ago`;
}

/** A time, relative to now; `tickTimes` keeps it so. */
export function when(text) {
  const instant = text ? Date.parse(text) : NaN;
  if (Number.isNaN(instant)) return make("span", { class: "quiet" }, DASH);
  return make("time", { datetime: text, title: `${new Date(instant).toLocaleString()} · ${text}` }, relative(instant));
}

export function tickTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const text = relative(Date.parse(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}

/** The first characters of an id that tells by its end; the whole of it in the title. */
export function brief(id) {
  const text = String(id);
  return make("code", { class: "brief", title: text }, text.length > 20 ? `${text.slice(0, 8)}…${text.slice(-6)}` : text);
}

/** The first line of a text, cut. */
export function line(text, most = 140) {
  const first = String(text ?? "").split("\n", 1)[0];
  return first.length > most ? `${first.slice(0, most)}…` : first;
}

/** JSON laid out, unless parsing it would change a number; any other text as it is. */
export function pretty(value) {
  if (value === null || value === undefined) return "null";
  if (typeof value !== "string") return JSON.stringify(value, null, 2);
  if (value.length > 1_000_000 || /\d{16,}/.test(value.replace(/"(?:[^"\\]|\\.)*"/g, ""))) return value;
  try {
    const found = JSON.parse(value);
    return typeof found === "object" && found !== null ? JSON.stringify(found, null, 2) : value;
  } catch {
    return value;
  }
}

/** A long value: its beginning, a way to see all of it, to copy and to save it. */
export function long(value, name) {
  const text = pretty(value);
  const box = make("pre", { tabindex: "0", "aria-label": name }, text.slice(0, whole(text, CUT)));
  const tools = make("p", { class: "tools" });
  if (text.length > CUT) {
    const all = make("button", { type: "button", class: "plain" }, `Show all ${count(text.length)} characters`);
    all.addEventListener("click", () => {
      box.replaceChildren(...pieces(text));
      all.remove();
    });
    box.append(make("span", { class: "quiet" }, " …"));
    tools.append(all);
  }
  const raw = typeof value === "string" ? value : text;
  tools.append(copier("Copy", () => raw), saver(name, raw));
  return make("div", { class: "long" }, box, tools);
}

/** Where a text may be cut at about `at`: never within a character. */
function whole(text, at) {
  const unit = text.charCodeAt(at - 1);
  return unit >= 0xd800 && unit < 0xdc00 ? at - 1 : at;
}

/** A text as blocks that are laid out when they come into view: one of megabytes would hold the page for minutes. */
function pieces(text) {
  const found = [];
  for (let start = 0; start < text.length; ) {
    const near = text.lastIndexOf("\n", start + PIECE);
    const end = near > start ? near + 1 : whole(text, start + PIECE);
    found.push(make("span", { class: "piece" }, text.slice(start, end)));
    start = end;
  }
  return found;
}

function saver(name, text) {
  const save = () => {
    const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    make("a", { href: address, download: `${name.replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 80)}.txt` }).click();
    URL.revokeObjectURL(address);
  };
  return make("button", { type: "button", class: "plain", onclick: save }, "Save");
}

/** A table. `columns`: [head, cell of a row, class]; `key` of a row keeps the focus over a redraw. */
export function table(columns, rows, key, empty = "Nothing here.") {
  if (!rows.length) return make("p", { class: "empty" }, empty);
  const head = columns.map(([name, , style]) => make("th", { scope: "col", class: style }, name));
  const body = rows.map((row) => make("tr", { "data-key": key(row) }, columns.map(([name, cell, style]) => make("td", { class: style, "data-name": name }, cell(row)))));
  return make("div", { class: "wide" }, make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, body)));
}

/** Pairs of a name and what it is; those without a value are left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", { class: "facts" }, shown.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

export const link = (href, ...children) => make("a", { href }, ...children);
export const button = (label, act, style = "") => make("button", { type: "button", class: style, onclick: act }, label);
export const to = (...parts) => `#/${parts.map((part) => encodeURIComponent(part)).join("/")}`;
export const head = (title, ...beside) => make("div", { class: "head" }, make("h1", {}, title), ...beside);
export const panel = (title, ...children) => make("section", { class: "panel" }, title ? make("h2", {}, title) : null, ...children);
