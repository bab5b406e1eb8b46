// Adapters and routes: what is connected, what is missing, where messages go.
// Invariant: states and counts are those of the instance that answers, since it started.

import { make } from "/docs/elements.js";
import { get } from "/console/client.js";
import { redraw, Seldom } from "/console/live.js";
import { badge, count, head, line, link, panel, table } from "/console/shown.js";

export function adapters() {
  const [list, routes] = ["adapters", "routes"].map((name) => make("div", { id: name }));
  const table = new Seldom(() => get("/api/routes"), 10_000);
  const file = new Seldom(() => get("/api/configuration"), 10_000);
  const look = async () => {
    const [states, found, configuration] = await Promise.all([get("/api/adapters"), table.look(), file.look()]);
    const known = new Map(states.data.map((one) => [one.name, one]));
    const rows = Object.entries(configuration.adapters).map(([name, one]) => ({ ...one, ...known.get(name), name, state: known.get(name)?.state ?? "disabled" }));
    redraw(list, rows, drawAdapters);
    redraw(routes, found.data, drawRoutes);
  };
  const element = make("div", {}, head("Adapters and routes"), panel("Adapters", list), panel("Routes, in the order in which they are tried", routes));
  return { title: "Adapters", element, look };
}

function lag(one) {
  const streams = Object.entries(one.lag ?? {});
  const total = streams.reduce((sum, [, each]) => sum + each, 0);
  return make("span", { title: streams.map(([name, each]) => `${name}: ${each}`).join("\n") }, streams.length ? count(total) : "–");
}

function drawAdapters(rows) {
  const columns = [
    ["State", (one) => badge(one.state)],
    ["Name", (one) => make("strong", {}, one.name)],
    ["Type", (one) => one.type],
    ["Lag", lag, "number"],
    ["In flight", (one) => count(one.in_flight), "number"],
    ["Received", (one) => count(one.received), "number"],
    ["Published", (one) => count(one.published), "number"],
    ["Quarantined", (one) => make("span", { class: one.quarantined ? "bad" : "" }, count(one.quarantined)), "number"],
    ["Reconnects", (one) => count(one.reconnects), "number"],
    ["Clients", (one) => count(one.connections), "number"],
    ["Last error", (one) => make("span", { class: "bad clip", title: one.last_error ?? "" }, line(one.last_error))],
  ];
  return table(columns, rows, (one) => one.name, "No adapter is configured.");
}

function drawRoutes(rows) {
  const extra = (one) => [["filter", one.filter], ["map", one.map], ["dedupe", one.dedupe_key], ["order", one.ordering_key]].filter(([, text]) => text);
  const columns = [
    ["Name", (one) => make("strong", {}, one.name)],
    ["From", (one) => `${one.from}${one.adapter_type ? ` (${one.adapter_type})` : ""}`],
    ["Takes", (one) => make("code", {}, one.webhook ? `POST ${one.webhook}` : (one.topic ?? "any topic"))],
    ["Handler", (one) => (one.drop ? make("span", { class: "quiet" }, "dropped") : link(`#/jobs?${new URLSearchParams({ handler: one.handler })}`, one.handler))],
    ["Queue", (one) => one.queue ?? make("span", { class: "quiet" }, "the handler's")],
    ["Signed", (one) => one.signature?.scheme ?? "–"],
    ["Expressions", (one) => extra(one).map(([name, text]) => make("div", { class: "expression" }, make("span", { class: "quiet" }, `${name} `), make("code", {}, line(text, 80))))],
  ];
  return table(columns, rows, (one) => one.name, "No route is configured.");
}
