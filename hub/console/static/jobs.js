// Lists of jobs, and what narrows them; dead letters are listed by the same means.
// Invariant: what is asked for stands in the address, so that a list can be kept, sent and gone back to.

import { make } from "/docs/elements.js";
import { get, now } from "/console/client.js";
import { notice } from "/console/actions.js";
import { redraw } from "/console/live.js";
import { badge, brief, count, head, line, link, milliseconds, table, to, when } from "/console/shown.js";

const STATUSES = ["pending", "queued", "processing", "retrying", "scheduled", "completed", "failed", "cancelled"];
const AGES = [["", "any time"], ["900", "15 minutes"], ["3600", "1 hour"], ["86400", "24 hours"], ["604800", "7 days"]];
const LIMIT = 50;

export function jobs(query, go) {
  const list = make("div", { id: "jobs" });
  const filters = [
    select("Status", "status", [["", "any"], ...STATUSES.map((each) => [each, each])], query),
    input("Handler", "handler", query),
    input("Queue", "queue", query),
    select("Made in the last", "age", AGES, query),
  ];
  const element = make("div", {}, head("Jobs", identify(go)), narrowing(filters, (asked) => go("jobs", asked)), list, pager("jobs", query));
  const asked = () => ({ status: query.get("status"), handler: query.get("handler"), queue: query.get("queue"), since: since(query), cursor: query.get("cursor"), limit: LIMIT });
  const look = async () => {
    const found = await get("/api/queue", asked());
    notice(found.data);
    redraw(list, found, drawJobs);
    element.querySelector(".older").hidden = !found.next;
    element.querySelector(".older").href = withCursor("jobs", query, found.next);
  };
  return { title: "Jobs", element, look };
}

function drawJobs({ data }) {
  const columns = [
    ["State", (row) => badge(row.status)],
    ["Handler", (row) => link(to("jobs", row.id), row.handler)],
    ["Id", (row) => brief(row.id)],
    ["Queue", (row) => row.queue ?? "default", "minor"],
    ["Attempts", (row) => (row.retrycount + row.crashcount ? count(row.retrycount + row.crashcount + 1) : row.startedat ? "1" : "–"), "number minor"],
    ["Made", (row) => when(row.createdon)],
    ["Ran for", (row) => ran(row), "number minor"],
    ["", (row) => make("span", { class: row.lasterror ? "bad clip" : "quiet clip" }, row.lasterror ? line(row.lasterror) : (row.progressnote ?? ""))],
  ];
  return table(columns, data, (row) => row.id, "No job fits.");
}

/** How long the last attempt took, or has been running. */
export function ran(row) {
  if (!row.startedat || !row.completedat) return "–";
  return milliseconds(Math.max(0, Date.parse(row.completedat) - Date.parse(row.startedat)));
}

/** A form of filters; `go` is called with what is asked for. */
export function narrowing(filters, go) {
  const form = make("form", { class: "filters", autocomplete: "off", role: "search" }, filters, make("button", { type: "submit" }, "Show"));
  const submit = () => go(Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener("change", (event) => event.target.tagName === "SELECT" && submit());
  return form;
}

export function select(label, name, options, query) {
  const chosen = query.get(name) ?? "";
  return make("label", {}, make("span", {}, label), make("select", { name }, options.map(([value, text]) => make("option", { value, selected: value === chosen }, text))));
}

export function input(label, name, query) {
  return make("label", {}, make("span", {}, label), make("input", { name, value: query.get(name) ?? "", placeholder: "any", spellcheck: "false", maxlength: 255 }));
}

export const age = (query) => select("Failed in the last", "age", AGES, query);

/** The instant that an age in the address means now. */
export function since(query) {
  const seconds = Number(query.get("age"));
  return seconds > 0 ? new Date(now() - seconds * 1000).toISOString() : null;
}

/** A field for an id: the way to one job. */
function identify(go) {
  const field = make("input", { name: "id", placeholder: "Job id", "aria-label": "Job id", spellcheck: "false", maxlength: 255 });
  const form = make("form", { class: "row", autocomplete: "off" }, field, make("button", { type: "submit" }, "Open"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) location.hash = to("jobs", field.value.trim());
  });
  return form;
}

/** The ways to other pages of a list. */
export function pager(view, query) {
  return make(
    "p",
    { class: "pager" },
    make("a", { href: withCursor(view, query, null), hidden: !query.get("cursor") }, "← Newest"),
    make("a", { class: "older", href: "#", hidden: true }, "Older →"),
  );
}

export function withCursor(view, query, cursor) {
  const next = new URLSearchParams(query);
  next.delete("cursor");
  if (cursor) next.set("cursor", cursor);
  return `#/${view}${next.size ? `?${next}` : ""}`;
}
