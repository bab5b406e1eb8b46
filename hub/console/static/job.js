// One job: what it is about, what was tried, what came of it; retry, cancel, edit and send again.
// Invariant: a resent job is a new one, made by the documented address; the old one stays as it is.

import { make } from "/docs/elements.js";
import { area, ask, checked, field, mayAct, notice } from "/console/actions.js";
import { change, get, segment } from "/console/client.js";
import { ran } from "/console/jobs.js";
import { redraw, Seldom } from "/console/live.js";
import { badge, brief, button, count, facts, head, link, long, milliseconds, panel, pretty, table, to, when } from "/console/shown.js";

const ENDED = new Set(["completed", "failed", "cancelled"]);
const AGAIN = new Set(["failed", "cancelled"]);
const CHILDREN = 200;
const EDITED = 300_000; // characters: what a text area still holds with ease, and a request may bring

export function job(id) {
  const names = ["top", "error", "payload", "result", "attempts", "metadata"];
  const [top, error, payload, result, attempts, metadata] = names.map((name) => make("div", { class: `of-${name}` }));
  const children = make("div", { class: "of-children" });
  // A large payload is not fetched every two seconds.
  const row = new Seldom(() => get(`/api/queue/${segment(id)}`));

  async function look() {
    const found = await row.look();
    notice([found]);
    const { payload: sent, result: returned, metadata: beside, histories, lasterror, ...rest } = found;
    redraw(top, { ...rest, route: beside?.route, adapter: beside?.adapter, resent: beside?.resent_from, may: mayAct() }, () => drawTop(found));
    redraw(error, lasterror, (text) => (text ? panel("Error", long(text, "error")) : null));
    redraw(payload, token("payload" in found, sent), () => panel("Payload", hidden("payload", found) ?? body(found, sent, `payload-${id}`)));
    redraw(result, token("result" in found, returned), () => (returned ? panel("Result", long(returned, `result-${id}`)) : null));
    redraw(attempts, histories, drawAttempts);
    redraw(metadata, beside, (value) => (value ? panel("Metadata", long(value, `metadata-${id}`)) : null));
    if (!children.firstChild) children.append(panel("Children", button("Look for children", () => offspring(found, children), "plain")));
  }

  const element = make("div", {}, make("p", { class: "trail" }, link("#/jobs", "Jobs"), " / ", brief(id)), top, error, make("div", { class: "halves" }, payload, result), attempts, children, metadata);
  return { title: "Job", element, look, fresh: () => (row.next = 0) };
}

/** What tells one long text from another, without keeping both. */
const token = (there, text) => [there, text?.length ?? -1, String(text ?? "").slice(0, 500)];

const hidden = (name, row) => (name in row ? null : make("p", { class: "empty" }, "Hidden from viewers: this needs the role operator."));

function body(row, text, name) {
  if (text === null) return make("p", { class: "empty" }, "null");
  const kind = make("p", { class: "quiet" }, `${row.contenttype}${row.payloadencoding === "base64" ? ", bytes as base64" : ""} · ${count(text.length)} characters`);
  return make("div", {}, kind, long(text, name));
}

function drawTop(row) {
  const acts = !mayAct()
    ? []
    : [
        AGAIN.has(row.status) ? button("Retry", () => retry(row), "primary") : null,
        ENDED.has(row.status) ? null : button("Cancel", () => cancel(row), "danger"),
        row.payloadencoding === "text" && (row.payload?.length ?? 0) <= EDITED ? button("Edit and resend", () => resend(row)) : null,
      ];
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(row.traceparent ?? "")?.[1];
  const progress = row.progress === null || row.status !== "processing" ? null : make("span", {}, make("progress", { max: 1, value: row.progress }), ` ${Math.round(row.progress * 100)} % ${row.progressnote ?? ""}`);
  return [
    head(row.handler, badge(row.status), make("span", { class: "acts" }, acts)),
    row.cancelrequested && !ENDED.has(row.status) ? make("p", { class: "quiet" }, "It was asked to stop.") : null,
    facts([
      ["Id", make("code", {}, row.id)],
      ["Progress", progress],
      ["Failed as", row.failure],
      ["Queue", row.queue ?? "default"],
      ["Priority", String(row.priority)],
      ["Retries", `${row.retrycount} of ${row.maxretries ?? "the default"}`],
      ["Crashes", row.crashcount ? String(row.crashcount) : null],
      ["Made", when(row.createdon)],
      ["Made by", row.createdby],
      ["Due", row.scheduledat ? when(row.scheduledat) : null],
      ["Started", row.startedat ? when(row.startedat) : null],
      ["Ended", row.completedat ? when(row.completedat) : null],
      ["Ran for", row.completedat ? ran(row) : null],
      ["Worker", row.leaseowner],
      ["Leased until", row.status === "processing" && row.leaseuntil ? when(row.leaseuntil) : null],
      ["Came by", [row.protocol, row.metadata?.adapter, row.metadata?.route].filter(Boolean).join(" · ")],
      ["Ordering key", row.orderingkey],
      ["Dedupe key", row.dedupekey],
      ["Parent", row.parentjobid ? link(to("jobs", row.parentjobid), brief(row.parentjobid)) : null],
      ["Resent from", row.metadata?.resent_from ? link(to("jobs", row.metadata.resent_from), brief(row.metadata.resent_from)) : null],
      ["Trace id", trace ? make("code", {}, trace) : null],
    ]),
  ];
}

function drawAttempts(histories) {
  const columns = [
    ["Attempt", (one) => String(one.retryattempt + 1), "number"],
    ["State", (one) => badge(one.status)],
    ["Began", (one) => when(one.startedat)],
    ["Ran for", (one) => milliseconds(one.duration), "number"],
    ["Worker", (one) => make("code", {}, one.executedby ?? "–")],
    ["What came of it", (one) => outcome(one)],
  ];
  return panel("Attempts", table(columns, histories, (one) => one.id, "None has ended yet."));
}

function outcome(one) {
  const said = make("span", { class: one.errormessage ? "bad" : "quiet" }, one.result ?? "");
  const parts = [["error", one.errormessage], ["input", one.inputdata], ["output", one.outputdata]].filter(([, text]) => text);
  if (!parts.length) return said;
  const more = make("details", {}, make("summary", {}, said));
  // Made when it is opened: there may be many attempts, each with texts of its own.
  more.addEventListener("toggle", () => {
    if (more.open && more.children.length === 1) more.append(...parts.map(([name, text]) => make("div", {}, make("h3", {}, name), long(text, `${name}-${one.id}`))));
  });
  return more;
}

async function offspring(row, region) {
  const page = await get("/api/queue", { since: row.createdon, limit: CHILDREN }).catch((error) => ({ fault: error.message }));
  if (page.fault) {
    region.replaceChildren(panel("Children", make("p", { class: "bad" }, page.fault)));
    return;
  }
  const found = page.data.filter((one) => one.parentjobid === row.id);
  const columns = [
    ["State", (one) => badge(one.status)],
    ["Handler", (one) => link(to("jobs", one.id), one.handler)],
    ["Id", (one) => brief(one.id)],
    ["Made", (one) => when(one.createdon)],
  ];
  const far = page.next ? ` Looked at were the newest ${CHILDREN} jobs.` : "";
  const again = button("Look again", () => offspring(row, region), "plain");
  region.replaceChildren(panel("Children", table(columns, found, (one) => one.id, `None was found.${far}`), found.length && far ? make("p", { class: "quiet" }, far) : null, again));
}

function retry(row) {
  ask({
    title: "Retry this job?",
    text: `${row.handler} is queued again as if it were new; its attempts are counted from zero.`,
    verb: "Retry",
    act: async () => {
      const answer = await change("POST", `/api/queue/${segment(row.id)}/retry`);
      return `Retried: the job is ${answer.status}.`;
    },
  });
}

function cancel(row) {
  ask({
    title: "Cancel this job?",
    text: row.status === "processing" ? "It runs: it is asked to stop, and what it did in its transaction is rolled back." : "It has not begun, and will not.",
    verb: "Cancel the job",
    danger: true,
    act: async () => {
      const answer = await change("POST", `/api/queue/${segment(row.id)}/cancel`);
      return answer.status === "cancelled" ? "Cancelled." : `Asked to stop: the job is ${answer.status}.`;
    },
  });
}

/** Sends a new job with the payload as it was edited. */
function resend(row) {
  const json = row.contenttype === "application/json";
  ask({
    title: "Edit and resend",
    text: "A new job is made; this one stays as it is. Its dedupe key is not repeated.",
    verb: "Send as a new job",
    wide: true,
    fields: [
      make("div", { class: "row" }, field("Handler", "handler", row.handler, { required: true, maxlength: 255 }), field("Queue", "queue", row.queue ?? "", { placeholder: "the handler's", maxlength: 100 }), field("Priority", "priority", row.priority, { type: "number" })),
      area(json ? "Payload, as JSON" : "Payload, as text", "payload", row.payload === null ? "null" : json ? pretty(row.payload) : row.payload),
    ],
    act: async (form) => {
      const values = form.elements;
      const rest = {
        handler: values.handler.value.trim(),
        queue: values.queue.value.trim() || undefined,
        priority: Number(values.priority.value) || 0,
        orderingkey: row.orderingkey ?? undefined,
        timeout: row.timeout ?? undefined,
        maxretries: row.maxretries ?? undefined,
        metadata: { ...row.metadata, resent_from: row.id },
      };
      const text = values.payload.value;
      const payload = json ? checked(text) : JSON.stringify(text);
      // The payload goes in as it stands: to parse it would change numbers that a double cannot hold.
      const answer = await change("POST", "/api/queue", `${JSON.stringify(rest).slice(0, -1)},"payload":${payload}}`);
      return ["Sent as ", link(to("jobs", answer.id), brief(answer.id)), "."];
    },
  });
}
