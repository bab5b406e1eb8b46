// The page: fetches the hub's own documents with the reader's token and lays them out.
// Invariant: the token lives in this module's memory; it is written to no storage, no address and no element.

import { make, paragraphs, prose } from "./elements.js";
import { bounds, kind, outline, resolve } from "./schema.js";
import { form } from "./send.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const byId = (id) => document.getElementById(id);

let token = "";

async function fetched(path) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers, credentials: "omit" });
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(value.detail ?? answer.statusText), { status: answer.status });
  return value;
}

async function load() {
  const notice = byId("notice");
  notice.className = "";
  notice.textContent = "Loading…";
  notice.hidden = false;
  try {
    const [api, messages] = await Promise.all([fetched("/openapi.json"), fetched("/asyncapi.json")]);
    layOut(api);
    layOutMessages(messages);
    notice.hidden = true;
    byId("access-state").textContent = token ? "in use, kept in memory only" : "";
    if (location.hash) openAt(location.hash);
  } catch (error) {
    byId("operations").replaceChildren();
    byId("index").replaceChildren();
    byId("messages").hidden = true;
    byId("access-state").textContent = "";
    notice.className = "alert";
    notice.textContent = error.status === 401 || error.status === 403 ? `${error.message[0].toUpperCase()}${error.message.slice(1)}. Give one in the field above; the page keeps it in memory only.` : `The documents cannot be read: ${error.message}`;
  }
}

function layOut(api) {
  byId("version").textContent = `${api.info.title} ${api.info.version} · OpenAPI ${api.openapi}`;
  const groups = new Map(api.tags.map((tag) => [tag.name, { ...tag, items: [] }]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((each) => item[each])) groups.get(item[method].tags[0])?.items.push([path, method, item[method]]);
  }
  const sections = [];
  const index = [];
  for (const group of groups.values()) {
    // The files of pages, and the way to this one, are no operations that anybody would try.
    const items = group.items.filter(([path]) => path !== "/" && !/^\/(docs|console)\b/.test(path));
    if (!items.length) continue;
    sections.push(make("section", {}, make("h2", {}, group.name), make("p", { class: "quiet" }, group.description ?? ""), items.map((item) => card(api, ...item))));
    index.push(make("h3", {}, group.name), make("ul", {}, items.map((item) => entry(...item))));
  }
  byId("operations").replaceChildren(intro(api), ...sections);
  byId("index").replaceChildren(...index);
  narrow();
}

function intro(api) {
  return make("section", { class: "intro" }, make("h1", {}, "The hub's API"), paragraphs(api.info.description ?? ""), make("p", { class: "documents" }, download("openapi.json"), download("asyncapi.json")));
}

/** Saves a document: a plain link could not carry the token. */
function download(name) {
  const save = async () => {
    const text = JSON.stringify(await fetched(`/${name}`), null, 2);
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    make("a", { href: address, download: name }).click();
    URL.revokeObjectURL(address);
  };
  return make("button", { type: "button", class: "plain", onclick: save }, `Save ${name}`);
}

function entry(path, method, operation) {
  const link = make("a", { href: `#${operation.operationId}` }, make("span", { class: `method ${method}` }, method), make("span", {}, path));
  return make("li", { "data-text": `${method} ${path} ${operation.summary}`.toLowerCase() }, link);
}

function card(api, path, method, operation) {
  const summary = make(
    "summary",
    {},
    make("span", { class: `method ${method}` }, method),
    make("span", { class: "path" }, path),
    make("span", { class: "told" }, prose(operation.summary)),
    operation["x-role"] && operation["x-role"] !== "anyone" ? make("span", { class: "role", title: "The role it needs" }, operation["x-role"]) : null,
  );
  const text = `${method} ${path} ${operation.summary}`.toLowerCase();
  const details = make("details", { id: operation.operationId, class: "operation", "data-text": text }, summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(inside(api, path, method, operation));
  });
  return details;
}

function inside(api, path, method, operation) {
  const content = Object.values(operation.requestBody?.content ?? {}).find((each) => each.schema);
  return make(
    "div",
    { class: "inside" },
    operation.description ? paragraphs(operation.description) : null,
    make(
      "div",
      { class: "halves" },
      make("div", {}, make("h4", {}, "Request"), form(api, path, method, operation, () => token)),
      make("div", {}, content ? [make("h4", {}, "Body"), outline(api, content.schema)] : null, make("h4", {}, "Answers"), answers(api, operation)),
    ),
  );
}

function answers(api, operation) {
  const good = Object.entries(operation.responses).filter(([status]) => status < "400");
  const refused = Object.keys(operation.responses).filter((status) => status >= "400");
  const list = good.map(([status, given]) => {
    const answer = resolve(api, given);
    const [media, content] = Object.entries(answer.content ?? {})[0] ?? ["", {}];
    const head = make("summary", {}, make("strong", { class: "good" }, status), make("span", {}, answer.description), make("span", { class: "type" }, content.schema ? kind(api, content.schema) : media));
    const body = make("details", { class: "answer" }, head);
    body.addEventListener("toggle", () => body.open && body.children.length === 1 && body.append(outline(api, content.schema ?? {})));
    return body;
  });
  return [...list, make("p", { class: "refusals" }, refused.map((status) => make("span", { class: "bad" }, status)), make("span", { class: "quiet" }, "application/problem+json"))];
}

function layOutMessages(found) {
  const rows = Object.values(found.operations).map((operation) => {
    const channel = resolve(found, operation.channel);
    const server = resolve(found, channel.servers?.[0] ?? {});
    const message = resolve(found, operation.messages[0]);
    const schema = resolve(found, message.payload).schema;
    return make(
      "tr",
      {},
      make("td", {}, make("span", { class: `method ${operation.action}` }, operation.action)),
      make("td", {}, make("code", {}, channel.address ?? "any")),
      make("td", {}, `${server.title ?? ""}`, make("div", { class: "quiet" }, server.protocol ?? "")),
      make("td", {}, make("strong", {}, operation.title), make("div", { class: "quiet" }, prose(operation.summary ?? ""))),
      make("td", {}, schema ? make("details", {}, make("summary", {}, kind(found, schema), " ", bounds(found, schema)), outline(found, schema)) : make("span", { class: "quiet" }, "any")),
    );
  });
  const heads = ["", "Address", "Adapter", "Route", "Payload"].map((text) => make("th", { scope: "col" }, text));
  const section = byId("messages");
  section.replaceChildren(
    make("h2", {}, "messages"),
    make("p", { class: "quiet" }, "What the routes receive, and where they send it on; AsyncAPI has the whole of it."),
    make("div", { class: "wide" }, make("table", {}, make("thead", {}, make("tr", {}, heads)), make("tbody", {}, rows))),
  );
  section.hidden = rows.length === 0;
}

function narrow() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (element) => words.every((word) => element.dataset.text.includes(word));
  for (const element of document.querySelectorAll("[data-text]")) element.hidden = !fits(element);
  for (const section of document.querySelectorAll("#operations section:not(.intro)")) section.hidden = !section.querySelector("details.operation:not([hidden])");
  for (const list of document.querySelectorAll("#index ul")) list.hidden = list.previousElementSibling.hidden = !list.querySelector("li:not([hidden])");
}

function openAt(hash) {
  const details = document.getElementById(hash.slice(1));
  if (!details?.classList.contains("operation")) return;
  details.open = true;
  details.scrollIntoView({ block: "start" });
}

byId("filter").addEventListener("input", narrow);
byId("index").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (link) openAt(link.hash);
});
byId("access").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  byId("token").value = "";
  load();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  event.preventDefault();
  byId("filter").focus();
});
load();
