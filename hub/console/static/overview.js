// The first view: how the hub is, what flows through it, how fast.
// Invariant: the counts of the queue are the database's, of all instances; rates, charts and adapters are those of the
// instance that answers.

import { make } from "/docs/elements.js";
import { askText, get, Refused } from "/console/client.js";
import { chart } from "/console/chart.js";
import { redraw, Seldom } from "/console/live.js";
import { drawMap, mapOf } from "/console/map.js";
import { Rates } from "/console/rates.js";
import { badge, count, head, link, milliseconds, panel, rate, span, table } from "/console/shown.js";

const CONFIGURATION_EVERY = 30_000;

// It outlives the view: a chart of the last minutes is still there after a look elsewhere.
const rates = new Rates();
let instance = "";

export function overview() {
  const [tiles, map, queues, charts, handlers] = ["tiles", "map", "queues", "charts", "handlers"].map((name) => make("div", { id: name, class: name }));
  const statistics = new Seldom(() => get("/api/statistics"));
  const configuration = new Seldom(() => get("/api/configuration"), CONFIGURATION_EVERY);
  let measured = true;

  async function measure() {
    try {
      rates.add(await askText("GET", "/metrics"));
      measured = true;
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 404) throw error;
      measured = false;
    }
  }

  async function look() {
    const [health, found, file] = await Promise.all([get("/health"), statistics.look(), configuration.look(), measure()]);
    if (health.instance !== instance) {
      // Another one answers, or the hub was started anew: its counters are others.
      const first = !instance;
      instance = health.instance;
      if (!first) rates.forget();
      configuration.next = 0;
    }
    redraw(tiles, tilesOf(health, found), drawTiles);
    redraw(map, mapOf({ configuration: file, health, statistics: found, rates }), drawMap);
    redraw(queues, found.queues, drawQueues);
    redraw(handlers, found.handlers, drawHandlers);
    redraw(charts, [measured, measured ? rates.points() : [], charts.clientWidth], drawCharts);
  }

  const element = make(
    "div",
    {},
    head("Overview"),
    tiles,
    panel("Flow", make("div", { class: "wide" }, map)),
    panel("Last five minutes", charts),
    make("div", { class: "halves" }, panel("Queues", queues), panel("Handlers, last 24 hours", handlers)),
  );
  return { title: "Overview", element, look };
}

const said = (here, since) => (here === null ? since : `${rate(here)} · ${since}`);

function tilesOf(health, found) {
  const sum = (rows, name) => Object.values(rows).reduce((all, row) => all + row[name], 0);
  const attempts = sum(found.handlers, "total");
  const since = attempts >= 10_000 ? "of the last 10,000 attempts" : "in the last 24 hours";
  const cache = health.cache ?? {};
  return {
    numbers: [
      ["Waiting", sum(found.queues, "ready"), `${count(sum(found.queues, "waiting"))} later`, "#/jobs?status=pending", ""],
      ["Running", sum(found.queues, "processing"), "now, on all instances", "#/jobs?status=processing", ""],
      ["Done", sum(found.handlers, "completed"), said(rates.all("done"), since), "#/jobs?status=completed", ""],
      ["Failed attempts", sum(found.handlers, "failed"), said(rates.all("failed"), since), "#/jobs?status=failed", ""],
      ["Dead letters", found.dead ?? null, "failed for good", "#/dead", found.dead ? "bad" : ""],
    ],
    state: {
      hub: health.status,
      reason: health.reason ?? null,
      database: health.database?.dialect ?? null,
      reachable: health.database?.reachable ?? null,
      mode: cache.mode ?? null,
      cache: cache.adapter ?? null,
      cacheReachable: cache.reachable ?? null,
      instance: health.instance ?? null,
      version: health.version ?? null,
      processes: health.processes?.length ?? null,
      working: health.jobs?.working ?? null,
    },
  };
}

function drawTiles({ numbers, state }) {
  const cells = numbers.map(([name, value, text, href, kind]) => make("a", { class: `tile ${kind}`, href, "data-key": name }, make("span", { class: "what" }, name), make("strong", {}, count(value)), make("span", { class: "quiet" }, text)));
  const said = (name, ...value) => make("div", {}, make("dt", {}, name), make("dd", {}, ...value));
  const facts = make(
    "dl",
    { class: "state" },
    said("Hub", badge(state.hub), state.reason ? ` ${state.reason}` : "", state.working === false ? " runs no jobs" : ""),
    said("Database", badge(state.reachable === false ? "away" : "ok"), ` ${state.database ?? ""}`),
    said("Cache and locks", state.cache ? [badge(state.cacheReachable === false ? "away" : "ok"), ` ${state.cache}, `] : "", `${state.mode ?? "–"} mode`),
    said("Instance", make("code", {}, state.instance ?? "–"), state.processes ? `, ${state.processes} processes` : ""),
    said("Version", state.version ?? "–"),
  );
  return [make("div", { class: "numbers" }, cells), facts];
}

function drawQueues(queues) {
  const rows = Object.entries(queues).sort(([one], [other]) => (one < other ? -1 : 1));
  const columns = [
    ["Queue", ([name]) => link(`#/jobs?${new URLSearchParams({ queue: name })}`, name)],
    ["Ready", ([, row]) => count(row.ready), "number"],
    ["Later", ([, row]) => count(row.waiting), "number"],
    ["Running", ([, row]) => count(row.processing), "number"],
    ["Oldest waits", ([, row]) => (row.oldest_seconds === null ? "–" : span(row.oldest_seconds)), "number"],
  ];
  return table(columns, rows, ([name]) => name, "No job waits or runs.");
}

function drawHandlers(handlers) {
  const rows = Object.entries(handlers).sort(([, one], [, other]) => other.total - one.total);
  const columns = [
    ["Handler", ([name]) => link(`#/jobs?${new URLSearchParams({ handler: name })}`, name)],
    ["Attempts", ([, row]) => count(row.total), "number"],
    ["Failed", ([, row]) => make("span", { class: row.failed ? "bad" : "quiet" }, count(row.failed)), "number"],
    ["Mean", ([, row]) => milliseconds(row.avg_duration_ms), "number"],
    ["p95", ([, row]) => milliseconds(row.p95_duration_ms), "number"],
  ];
  return table(columns, rows.slice(0, 50), ([name]) => name, "No attempt in the last 24 hours.");
}

function drawCharts([measured, points, room]) {
  if (!measured) return make("p", { class: "empty" }, "Rates need metrics: jobs.enable_metrics is false in the configuration.");
  const width = Math.max(280, room > 760 ? (room - 24) / 2 : room);
  const speeds = points.map(([ago, done, failed]) => [ago, done, failed]);
  const waits = points.map(([ago, , , half, most]) => [ago, half, most]);
  return [
    chart("Attempts", speeds, [["completed", "one"], ["failed", "two"]], rate, width),
    chart("How long they run", waits, [["half below", "one"], ["95 % below", "three"]], milliseconds, width),
  ];
}
