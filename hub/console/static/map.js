// The live map: what comes in by which adapter, which route takes it, who works on it, where it goes.
// Invariant: it is drawn from the configuration that is in force; what happens only adds handlers, rates and states.

import { graph } from "/console/graph.js";
import { kindOf, milliseconds, rate, to } from "/console/shown.js";

const MOST = 24;
const OWN = "system.";
const OUTGOING = new Set(["publish", "http.request"]);

/** The columns and edges. `state` has configuration, health, statistics (any may be null) and rates. */
export function mapOf({ configuration, health, statistics, rates }) {
  const routes = configuration?.routes ?? [];
  const adapters = configuration?.adapters ?? {};
  const edges = new Map();
  const edge = (from, to, weight) => {
    const key = JSON.stringify([from, to]);
    edges.set(key, { from, to, weight: (edges.get(key)?.weight ?? 0) + (weight ?? 0) });
  };
  const flows = (route) => rates.of("ingested", route.name);
  const handlers = new Map();
  const targets = new Map();
  for (const route of routes) {
    edge(`a:${route.from}`, `r:${route.name}`, flows(route));
    if (route.drop) continue;
    edge(`r:${route.name}`, `h:${route.handler}`, flows(route));
    handlers.set(route.handler, true);
    if (OUTGOING.has(route.handler) && route.with?.to) {
      edge(`h:${route.handler}`, `d:${route.with.to}`, rates.of("done", route.handler));
      targets.set(route.with.to, true);
    }
  }
  for (const name of Object.keys(statistics?.handlers ?? {})) if (!name.startsWith(OWN)) handlers.set(name, true);
  for (const name of Object.keys(configuration?.destinations ?? {})) targets.set(name, true);
  for (const [name, one] of Object.entries(health?.adapters ?? {})) {
    if (!one.published) continue;
    targets.set(name, true);
    if (handlers.has("publish")) edge("h:publish", `d:${name}`, rates.of("published", name));
  }
  const used = Object.keys(adapters).filter((name) => adapters[name].enabled !== false || routes.some((route) => route.from === name));
  const columns = [
    used.map((name) => source(name, adapters[name], health?.adapters?.[name], rates)),
    routes.map((route) => taking(route, adapters, flows(route))),
    [...handlers.keys()].map((name) => working(name, statistics?.handlers?.[name], rates)).concat(own(statistics?.handlers ?? {}, handlers, rates)),
    [...targets.keys()].map((name) => target(name, adapters[name], configuration?.destinations?.[name], health?.adapters?.[name], rates)),
  ];
  return ordered(columns, [...edges.values()]);
}

/** The map as an element. */
export function drawMap({ columns, edges }) {
  const heads = ["Adapters", "Routes", "Handlers", "Destinations"];
  const shown = columns.map((column, index) => [column, heads[index]]).filter(([column]) => column.length);
  return graph("The way of messages", shown.map(([column]) => column), edges, shown.map(([, name]) => name));
}

function source(name, adapter, found, rates) {
  const state = adapter.enabled === false ? "disabled" : (found?.state ?? "unknown");
  const here = rates.of("received", name);
  const lag = Object.values(found?.lag ?? {}).reduce((sum, each) => sum + each, 0);
  const words = [state, state === "disabled" ? null : known(here), lag ? `lag ${lag.toLocaleString("en")}` : null];
  return { id: `a:${name}`, title: name, text: said(words), kind: kindOf(state), href: "#/adapters", tip: `${adapter.type} ${name}: ${state}\n${found?.last_error ?? ""}` };
}

function taking(route, adapters, here) {
  const where = adapters[route.from]?.type === "http" ? `/webhooks/${route.name}` : (route.topic ?? "any topic");
  return { id: `r:${route.name}`, title: route.name, text: said([known(here), where]), kind: here ? "busy" : "idle", href: "#/adapters", tip: `route ${route.name}: ${where}` };
}

function working(name, found, rates) {
  const here = rates.of("done", name);
  const wrong = rates.of("failed", name);
  const words = [known(here), found?.failed ? `${found.failed.toLocaleString("en")} failed` : null, found?.p95_duration_ms === null || !found ? null : `p95 ${milliseconds(found.p95_duration_ms)}`];
  const kind = wrong ? "bad" : here ? "busy" : "idle";
  return { id: `h:${name}`, title: name, text: said(words), kind, href: `#/jobs?${new URLSearchParams({ handler: name })}`, tip: `${name}\n${found ? `${found.total} attempts in the last 24 hours, ${found.failed} failed` : "no attempt in the last 24 hours"}` };
}

/** The hub's own handlers that no route names, as one box. */
function own(found, shown, rates) {
  const rows = Object.entries(found).filter(([name]) => name.startsWith(OWN) && !shown.has(name));
  if (!rows.length) return [];
  const sum = (what) => rows.reduce((all, [name]) => all + (rates.of(what, name) ?? 0), 0);
  const failed = rows.reduce((all, [, row]) => all + row.failed, 0);
  const kind = sum("failed") ? "bad" : sum("done") ? "busy" : "idle";
  const words = [`${rows.length} of the hub's own`, failed ? `${failed.toLocaleString("en")} failed` : null];
  return [{ id: "h:", title: `${OWN}*`, text: said(words), kind, href: "#/schedules", tip: rows.map(([name]) => name).join("\n") }];
}

function target(name, adapter, destination, found, rates) {
  const here = adapter ? rates.of("published", name) : null;
  const kind = found ? kindOf(found.state) : "idle";
  return { id: `d:${name}`, title: name, text: said([adapter ? known(here) : null, adapter?.type ?? destination?.url ?? ""]), kind, href: adapter ? "#/adapters" : "#/configuration", tip: destination?.url ?? `${adapter?.type ?? ""} ${name}` };
}

const known = (value) => (value === null ? null : rate(value));
const said = (words) => words.filter(Boolean).join(" · ");

/** Each column in the order of what leads to it, so that few lines cross; the busiest stay when there are too many. */
function ordered(columns, edges) {
  const rank = new Map();
  columns.forEach((column, index) => {
    const own = new Map(column.map((node, row) => [node.id, row]));
    const middle = (node) => {
      const before = edges.filter((each) => each.to === node.id && rank.has(each.from)).map((each) => rank.get(each.from));
      return before.length ? before.reduce((sum, each) => sum + each, 0) / before.length : Infinity;
    };
    if (index) column.sort((one, other) => middle(one) - middle(other) || own.get(one.id) - own.get(other.id));
    if (column.length > MOST) {
      const over = column.splice(MOST - 1);
      column.push({ id: `more:${index}`, title: `and ${over.length} more`, text: "", tip: over.map((node) => node.title).join("\n") });
    }
    const high = column.length;
    column.forEach((node, row) => rank.set(node.id, row - high / 2));
  });
  return { columns, edges };
}
