// Schedules: what fires by the clock, and when next; pause, resume, run now.
// Invariant: the next times are the hub's own; nothing is computed here.

import { make } from "/docs/elements.js";
import { ask, mayAct, notice } from "/console/actions.js";
import { change, get, segment } from "/console/client.js";
import { narrowing, select } from "/console/jobs.js";
import { redraw, Seldom } from "/console/live.js";
import { badge, brief, button, count, facts, head, line, link, long, panel, span, table, to, when } from "/console/shown.js";

const LIMIT = 50;
const UPCOMING = 10;
const OVER = new Set(["completed", "failed"]);

export function schedules(query, go) {
  const list = make("div", { id: "schedules" });
  const pages = make("p", { class: "pager" });
  const page = Math.max(1, Number(query.get("page")) || 1);
  const states = ["active", "processing", "paused", "completed", "failed"].map((each) => [each, each]);
  const element = make("div", {}, head("Schedules"), narrowing([select("Status", "status", [["", "any"], ...states], query)], (asked) => go("schedules", asked)), list, pages);
  const look = async () => {
    const found = await get("/jobs", { status: query.get("status"), page, limit: LIMIT });
    notice(found.data);
    redraw(list, [found.data, mayAct()], () => drawSchedules(found.data));
    redraw(pages, [found.totalPage, found.total], () => turns(query, page, found));
  };
  return { title: "Schedules", element, look };
}

function turns(query, page, { totalPage, total }) {
  const at = (number) => `#/schedules?${new URLSearchParams({ ...Object.fromEntries(query), page: number })}`;
  return [
    page > 1 ? link(at(page - 1), "← Before") : null,
    totalPage > 1 ? make("span", { class: "quiet" }, `Page ${page} of ${totalPage}, ${count(total)} schedules`) : null,
    page < totalPage ? link(at(page + 1), "After →") : null,
  ];
}

function rhythm(row) {
  if (row.type === "scheduled") return make("span", {}, "once, ", when(row.schedule));
  if (typeof row.interval === "number") return `every ${span(row.interval)}`;
  return make("span", {}, make("code", {}, row.interval ?? "–"), make("span", { class: "quiet" }, ` ${row.timezone}`));
}

function acts(row) {
  if (!mayAct()) return [];
  return [
    OVER.has(row.status) ? null : row.status === "paused" ? button("Resume", () => resume(row)) : button("Pause", () => pause(row)),
    button("Run now", () => run(row)),
  ].filter(Boolean);
}

function drawSchedules(rows) {
  const columns = [
    ["State", (row) => badge(row.status)],
    ["Name", (row) => link(to("schedules", row.id), row.name)],
    ["Handler", (row) => row.handler, "minor"],
    ["When", rhythm],
    ["Next", (row) => when(row.next_run_at)],
    ["Last", (row) => when(row.last_run_at), "minor"],
    ["Fired", (row) => count(row.execution_count), "number minor"],
    ["", (row) => make("span", { class: "bad clip" }, line(row.last_error))],
    ["", (row) => make("span", { class: "acts" }, acts(row)), "number"],
  ];
  return table(columns, rows, (row) => row.id, "No schedule fits.");
}

/** One schedule, with the next times at which it fires. */
export function schedule(id) {
  const [top, times, payload, progress] = ["top", "times", "payload", "progress"].map((name) => make("div", { class: `of-${name}` }));
  const row = new Seldom(() => get(`/jobs/${segment(id)}`, { upcoming: UPCOMING }));
  const look = async () => {
    const found = await row.look();
    notice([found]);
    const { upcoming = [], payload: sent, interval_progress: run, ...rest } = found;
    redraw(top, [rest, mayAct()], () => drawTop(found));
    redraw(times, upcoming, (list) => panel("Next times", list.length ? make("ul", { class: "times" }, list.map((at) => make("li", {}, new Date(at).toLocaleString(), " ", when(at)))) : make("p", { class: "empty" }, "It will not fire.")));
    redraw(payload, sent ?? null, (value) => (value === null ? null : panel("Payload", long(value, `payload-${id}`))));
    redraw(progress, run ?? null, (value) => (value === null ? null : panel("The run of its tasks", long(value, `progress-${id}`))));
  };
  const element = make("div", {}, make("p", { class: "trail" }, link("#/schedules", "Schedules"), " / ", brief(id)), top, make("div", { class: "halves" }, times, payload), progress);
  return { title: "Schedule", element, look, fresh: () => (row.next = 0) };
}

function drawTop(row) {
  return [
    head(row.name, badge(row.status), make("span", { class: "acts" }, acts(row))),
    facts([
      ["Id", make("code", {}, row.id)],
      ["Handler", link(`#/jobs?${new URLSearchParams({ handler: row.handler })}`, row.handler)],
      ["When", rhythm(row)],
      ["Next", row.next_run_at ? when(row.next_run_at) : null],
      ["Last", row.last_run_at ? when(row.last_run_at) : null],
      ["Fired", count(row.execution_count)],
      ["Priority", String(row.priority)],
      ["Timeout", span(row.timeout)],
      ["Retries", row.max_retries === null ? null : String(row.max_retries)],
      ["Recovered after a crash", row.enable_recovery ? "yes" : "no"],
      ["Workspace", row.workspace_id],
      ["Made", row.created_at ? when(row.created_at) : null],
      ["Changed", row.updated_at ? when(row.updated_at) : null],
    ]),
    row.last_error ? panel("Last error", long(row.last_error, "error")) : null,
  ];
}

function pause(row) {
  ask({
    title: `Pause ${row.name}?`,
    text: "It does not fire until it is resumed. One of the configuration is as configured again after the file was edited.",
    verb: "Pause",
    act: async () => `${row.name} is ${(await change("PATCH", `/jobs/${segment(row.id)}/pause`)).status}.`,
  });
}

function resume(row) {
  ask({
    title: `Resume ${row.name}?`,
    text: "It goes on from now; what it missed is not made up.",
    verb: "Resume",
    act: async () => {
      const found = await change("PATCH", `/jobs/${segment(row.id)}/resume`);
      return [`${row.name} is ${found.status}, next `, when(found.next_run_at), "."];
    },
  });
}

function run(row) {
  ask({
    title: `Run ${row.name} now?`,
    text: "One job is made of it now; its times and counts stay as they are.",
    verb: "Run now",
    act: async () => {
      const answer = await change("POST", `/jobs/${segment(row.id)}/run`);
      return ["Queued as ", link(to("jobs", answer.job_id), brief(answer.job_id)), "."];
    },
  });
}
