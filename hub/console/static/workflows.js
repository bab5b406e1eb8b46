// Workflows: executions, and one of them as a graph of its steps; cancel, resume, signal.
// Invariant: the graph is that of the execution as it was started, whatever the configuration says by now.

import { make } from "/docs/elements.js";
import { area, ask, checked, mayAct, notice } from "/console/actions.js";
import { change, get, segment } from "/console/client.js";
import { graph, layers } from "/console/graph.js";
import { input, narrowing, pager, select, withCursor } from "/console/jobs.js";
import { redraw, Seldom } from "/console/live.js";
import { badge, brief, button, facts, head, kindOf, line, link, long, milliseconds, panel, table, to, when } from "/console/shown.js";

const STATUSES = ["pending", "running", "completed", "failed", "cancelled"];

export function workflows(query, go) {
  const list = make("div", { id: "workflows" });
  const filters = [select("Status", "status", [["", "any"], ...STATUSES.map((each) => [each, each])], query), input("Workflow", "type", query)];
  const element = make("div", {}, head("Workflows"), narrowing(filters, (asked) => go("workflows", asked)), list, pager("workflows", query));
  const look = async () => {
    const found = await get("/api/workflows", { status: query.get("status"), type: query.get("type"), cursor: query.get("cursor"), limit: 50 });
    redraw(list, found, drawList);
    element.querySelector(".older").hidden = !found.next;
    element.querySelector(".older").href = withCursor("workflows", query, found.next);
  };
  return { title: "Workflows", element, look };
}

function drawList({ data }) {
  const columns = [
    ["State", (row) => badge(row.status)],
    ["Workflow", (row) => link(to("workflows", row.workflow_id), row.workflow_type)],
    ["Id", (row) => brief(row.workflow_id)],
    ["Steps", (row) => `${row.steps_completed} done, ${row.steps_begun} begun`],
    ["Made", (row) => when(row.created_at)],
    ["Ended", (row) => when(row.completed_at)],
    ["", (row) => make("span", { class: "bad clip" }, line(row.error_message))],
  ];
  return table(columns, data, (row) => row.workflow_id, "No workflow has been started.");
}

export function workflow(id) {
  const [top, drawn, steps, context] = ["top", "graph", "steps", "context"].map((name) => make("div", { class: `of-${name}` }));
  const row = new Seldom(() => get(`/api/workflows/${segment(id)}`));
  const look = async () => {
    const found = await row.look();
    notice([found], "context");
    const { context: values, signals, steps: list, ...rest } = found;
    redraw(top, [rest, list.map((step) => step.status), mayAct()], () => drawTop(found));
    redraw(drawn, list.map(({ step_name, status, after, handler, wait_for, step_id }) => ({ step_name, status, after, handler, wait_for, step_id })), drawGraph);
    redraw(steps, list, drawSteps);
    redraw(context, [values ?? null, signals ?? null], drawContext);
  };
  const element = make("div", {}, make("p", { class: "trail" }, link("#/workflows", "Workflows"), " / ", brief(id)), top, panel("Steps", make("div", { class: "wide" }, drawn)), steps, context);
  return { title: "Workflow", element, look, fresh: () => (row.next = 0) };
}

function drawTop(row) {
  const signals = [...new Set(row.steps.filter((step) => step.wait_for && !["completed", "failed", "cancelled"].includes(step.status)).map((step) => step.wait_for))];
  const open = row.status === "running" || row.status === "pending";
  const acts = !mayAct()
    ? []
    : [
        ...(open ? signals.map((name) => button(`Signal ${name}`, () => signal(row, name), "primary")) : []),
        row.status === "failed" ? button("Resume", () => resume(row), "primary") : null,
        open || row.status === "failed" ? button("Cancel", () => cancel(row), "danger") : null,
      ];
  return [
    head(row.workflow_type, badge(row.status), make("span", { class: "acts" }, acts)),
    facts([
      ["Id", make("code", {}, row.workflow_id)],
      ["Made", when(row.created_at)],
      ["Made by", row.created_by],
      ["Started", row.started_at ? when(row.started_at) : null],
      ["Changed", row.updated_at ? when(row.updated_at) : null],
      ["Ended", row.completed_at ? when(row.completed_at) : null],
    ]),
    row.error_message ? panel("Error", long(row.error_message, "error")) : null,
  ];
}

function drawGraph(steps) {
  const byName = new Map(steps.map((step) => [step.step_name, step]));
  const columns = layers([...byName.keys()], (name) => byName.get(name).after).map((column) =>
    column.map((name) => {
      const step = byName.get(name);
      const what = step.handler ?? (step.wait_for ? `waits for ${step.wait_for}` : "waits");
      const href = step.handler && step.status !== "pending" ? to("jobs", step.step_id) : null;
      return { id: name, title: name, text: `${step.status} · ${what}`, kind: kindOf(step.status), href };
    }),
  );
  const edges = steps.flatMap((step) => step.after.map((from) => ({ from, to: step.step_name, weight: byName.get(from)?.status === "completed" ? 1 : 0 })));
  return graph("The steps of the workflow", columns, edges);
}

function drawSteps(steps) {
  const took = (step) => (step.started_at && step.completed_at ? milliseconds(Date.parse(step.completed_at) - Date.parse(step.started_at)) : "–");
  const columns = [
    ["State", (step) => badge(step.status)],
    ["Step", (step) => step.step_name],
    ["What it does", (step) => step.handler ?? (step.wait_for ? `waits for the signal ${step.wait_for}` : "waits")],
    ["Due", (step) => when(step.due_at)],
    ["Started", (step) => when(step.started_at)],
    ["Took", took, "number"],
    ["Data", data],
  ];
  return panel(null, table(columns, steps, (step) => step.step_id));
}

function data(step) {
  const parts = [["error", step.error_message], ["input", step.input_data], ["output", step.output_data]].filter(([, value]) => value !== null && value !== undefined);
  if (!parts.length) return "";
  const said = step.error_message ? make("span", { class: "bad clip" }, line(step.error_message)) : make("span", { class: "quiet" }, parts.map(([name]) => name).join(", "));
  const more = make("details", {}, make("summary", {}, said));
  more.addEventListener("toggle", () => {
    if (more.open && more.children.length === 1) more.append(...parts.map(([name, value]) => make("div", {}, make("h3", {}, name), long(value, `${name}-${step.step_name}`))));
  });
  return more;
}

function drawContext([values, signals]) {
  return make(
    "div",
    { class: "halves" },
    values === null ? null : panel("Context", long(values, "context")),
    signals === null || !Object.keys(signals).length ? null : panel("Signals", long(signals, "signals")),
  );
}

function cancel(row) {
  ask({
    title: `Cancel this ${row.workflow_type}?`,
    text: "Its waiting jobs are cancelled, its running ones asked to stop. It cannot be resumed.",
    verb: "Cancel the workflow",
    danger: true,
    act: async () => `The workflow is ${(await change("POST", `/api/workflows/${segment(row.workflow_id)}/cancel`)).status}.`,
  });
}

function resume(row) {
  ask({
    title: `Resume this ${row.workflow_type}?`,
    text: "It goes on from the steps that failed.",
    verb: "Resume",
    act: async () => said("Resumed", (await change("POST", `/api/workflows/${segment(row.workflow_id)}/resume`)).steps),
  });
}

function signal(row, name) {
  ask({
    title: `Send the signal ${name}?`,
    text: "What it brings is put into the workflow's context.",
    verb: "Send",
    fields: [area("What it brings, as JSON", "value", "{}", 6)],
    act: async (form) => said("Sent", (await change("POST", `/api/workflows/${segment(row.workflow_id)}/signals/${segment(name)}`, checked(form.elements.value.value))).steps),
  });
}

const said = (what, steps) => (steps.length ? `${what}: ${steps.join(", ")} ${steps.length === 1 ? "goes" : "go"} on.` : `${what}.`);
