// Dead letters: what failed for good and what no route could take; redriven singly, or all that fit the filter.
// Invariant: what is redriven by a filter is exactly what the list beside it was asked for.

import { make } from "/docs/elements.js";
import { ask, mayAct, notice } from "/console/actions.js";
import { change, get } from "/console/client.js";
import { age, input, narrowing, pager, select, since, withCursor } from "/console/jobs.js";
import { redraw } from "/console/live.js";
import { brief, button, head, line, link, table, to, when } from "/console/shown.js";

const FAILURES = ["permanent", "transient", "exhausted", "poison", "quarantined", "unknown-handler"];

export function dead(query, go) {
  const list = make("div", { id: "dead" });
  const all = make("span", {});
  const filters = [select("Failed as", "failure", [["", "any"], ...FAILURES.map((each) => [each, each])], query), input("Handler", "handler", query), input("Queue", "queue", query), age(query)];
  const element = make("div", {}, head("Dead letters", all), narrowing(filters, (asked) => go("dead", asked)), list, pager("dead", query));
  const where = () => ({ handler: query.get("handler"), queue: query.get("queue"), failure: query.get("failure"), since: since(query) });
  const look = async () => {
    const found = await get("/api/dead", { ...where(), cursor: query.get("cursor"), limit: 50 });
    notice(found.data);
    redraw(list, [found, mayAct()], () => drawDead(found));
    redraw(all, [found.data.length > 0, mayAct()], ([some, may]) => (some && may ? button("Redrive all that fit", () => redriveAll(where()), "primary") : null));
    element.querySelector(".older").hidden = !found.next;
    element.querySelector(".older").href = withCursor("dead", query, found.next);
  };
  return { title: "Dead letters", element, look };
}

function drawDead({ data }) {
  const columns = [
    ["Failed as", (row) => make("span", { class: "badge bad" }, row.failure ?? "failed")],
    ["Handler", (row) => link(to("jobs", row.id), row.handler)],
    ["Id", (row) => brief(row.id)],
    ["Queue", (row) => row.queue ?? "default", "minor"],
    ["Failed", (row) => when(row.completedat ?? row.modifiedon ?? row.createdon)],
    ["Error", (row) => make("span", { class: "clip bad" }, line(row.lasterror))],
    ["", (row) => (mayAct() ? button("Redrive", () => redrive(row)) : null), "number"],
  ];
  return table(columns, data, (row) => row.id, "No dead letter fits. That is how it should be.");
}

const redriven = (answer) => `Redriven: ${answer.redriven.toLocaleString("en")} ${answer.redriven === 1 ? "job is" : "jobs are"} queued again.`;

function redrive(row) {
  ask({
    title: "Redrive this dead letter?",
    text: `${row.handler} is queued again as if it were new: ${line(row.lasterror)}`,
    verb: "Redrive",
    act: async () => redriven(await change("POST", "/api/dead/redrive", { ids: [row.id] })),
  });
}

function redriveAll(where) {
  const filter = Object.fromEntries(Object.entries(where).filter(([, value]) => value));
  const words = Object.entries(filter).map(([name, value]) => `${name} ${value}`);
  ask({
    title: words.length ? "Redrive all dead letters that fit?" : "Redrive every dead letter?",
    text: words.length ? `Those with ${words.join(", ")}, on every page.` : "All of them, of every handler and queue.",
    verb: "Redrive all",
    danger: true,
    act: async () => redriven(await change("POST", "/api/dead/redrive", { filter })),
  });
}
