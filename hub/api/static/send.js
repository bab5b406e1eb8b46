// The form of an operation: its parameters and body become a request, the answer is shown as text.

import { copier, make, prose } from "./elements.js";
import { bounds, kind, resolve, sample } from "./schema.js";

const SHOWN = 200_000;

/** The form. `token` answers the token that is in use, "" for none. */
export function form(root, path, method, operation, token) {
  const parameters = (operation.parameters ?? []).map((each) => [each, field(root, each)]);
  const body = operation.requestBody ? bodyFields(root, operation.requestBody) : null;
  const result = make("div", { class: "result", "aria-live": "polite" });
  const request = () => assemble(path, method, parameters, body, token());
  const send = make("button", { type: "submit", class: "send" }, "Send");
  const element = make(
    "form",
    { class: "try", autocomplete: "off" },
    parameters.length ? make("div", { class: "fields" }, parameters.map(([each, input]) => row(root, each, input))) : null,
    body ? body.elements : null,
    make("div", { class: "actions" }, send, copier("Copy as curl", () => curl(request()))),
    result,
  );
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      await show(request(), result);
    } finally {
      send.disabled = false;
    }
  });
  return element;
}

function field(root, parameter) {
  const schema = resolve(root, parameter.schema);
  const attributes = { name: parameter.name, required: parameter.required && parameter.in === "path", spellcheck: "false" };
  if (!schema.enum) return make("input", { ...attributes, type: "text", inputmode: schema.type === "integer" ? "numeric" : null });
  return make("select", attributes, make("option", { value: "" }, "any"), schema.enum.map((each) => make("option", { value: each }, String(each))));
}

function row(root, parameter, input) {
  const limits = bounds(root, parameter.schema);
  const type = resolve(root, parameter.schema).enum ? "" : kind(root, parameter.schema);
  const text = [type, limits].filter(Boolean).join(", ");
  return make(
    "label",
    { class: "field" },
    make("span", { class: "name" }, make("code", {}, parameter.name), parameter.required ? make("span", { class: "required" }, "*") : null, make("span", { class: "where" }, parameter.in)),
    input,
    make("span", { class: "quiet" }, prose([parameter.description, text].filter(Boolean).join(" · "))),
  );
}

function bodyFields(root, requestBody) {
  const kinds = Object.keys(requestBody.content);
  const select = make("select", { "aria-label": "Content type" }, kinds.map((each) => make("option", { value: each }, each)));
  const area = make("textarea", { rows: 8, spellcheck: "false", "aria-label": "Body" });
  const fill = () => {
    const { schema = {}, example } = requestBody.content[select.value];
    area.value = JSON.stringify(example ?? sample(root, schema), null, 2);
  };
  select.addEventListener("change", fill);
  fill();
  const head = make("div", { class: "body-head" }, make("span", { class: "name" }, "Body"), select);
  return { elements: [head, area], value: () => area.value, type: () => (select.value === "*/*" ? "text/plain" : select.value) };
}

function assemble(path, method, parameters, body, token) {
  const query = new URLSearchParams();
  const headers = {};
  for (const [parameter, input] of parameters) {
    if (input.value === "") continue;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (parameter.in === "query") query.set(parameter.name, input.value);
    else headers[parameter.name] = input.value;
  }
  if (token) headers.Authorization = `Bearer ${token}`;
  const text = body?.value();
  if (text) headers["Content-Type"] = body.type();
  const address = new URL(path + (query.size ? `?${query}` : ""), location.origin);
  return { address, method: method.toUpperCase(), headers, body: text || undefined };
}

async function show(request, result) {
  const since = performance.now();
  let answer, text;
  try {
    answer = await fetch(request.address, { ...request, credentials: "omit", redirect: "manual" });
    text = await answer.text();
  } catch (error) {
    result.replaceChildren(make("p", { class: "alert" }, `No answer: ${error.message}`));
    return;
  }
  const took = Math.round(performance.now() - since);
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  result.replaceChildren(
    make(
      "p",
      { class: "status" },
      make("strong", { class: answer.ok ? "good" : "bad" }, `${answer.status} ${answer.statusText}`),
      make("span", { class: "quiet" }, `${took} ms · ${text.length.toLocaleString("en")} characters`),
      copier("Copy", () => text),
    ),
    make("pre", { tabindex: "0" }, pretty(text, answer.headers.get("Content-Type") ?? "")),
    make("details", {}, make("summary", { class: "quiet" }, "Headers"), make("pre", {}, headers)),
  );
}

function pretty(text, type) {
  if (text.length > SHOWN) return `${text.slice(0, SHOWN)}\n… cut here`;
  // Numbers past what a double holds would change by being parsed: such an answer is shown as it came.
  if (!type.includes("json") || /\d{16,}/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, ""))) return text || "(no body)";
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** The same request for a shell; the token is left to a variable. */
function curl({ address, method, headers, body }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = ["curl", method === "GET" ? null : `-X ${method}`, quoted(address.href)];
  for (const [name, value] of Object.entries(headers)) {
    words.push(name === "Authorization" ? '-H "Authorization: Bearer $HUB_TOKEN"' : `-H ${quoted(`${name}: ${value}`)}`);
  }
  if (body) words.push(`--data-raw ${quoted(body)}`);
  return words.filter(Boolean).join(" \\\n  ");
}
