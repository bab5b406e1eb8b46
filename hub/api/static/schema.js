// JSON Schemas: shown as an outline, and made into samples.

import { make, prose } from "./elements.js";

const DEEPEST = 6;

/** The value that a local reference of a document points to. */
export function resolve(root, value) {
  for (let hops = 0; value && value.$ref && hops < 20; hops += 1) {
    const path = value.$ref.replace(/^#\//, "").split("/");
    value = path.reduce((found, part) => found?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], root);
  }
  return value ?? {};
}

const isNull = (schema) => schema.type === "null";

/** The alternatives of a schema, without null. */
function alternatives(root, schema) {
  return (schema.anyOf ?? schema.oneOf ?? [schema]).map((each) => [each, resolve(root, each)]).filter(([, each]) => !isNull(each));
}

/** What a value may be, in a few words. */
export function kind(root, given) {
  const schema = resolve(root, given);
  const found = (schema.anyOf ?? schema.oneOf)?.map((each) => kind(root, each));
  if (found) return [...new Set(found)].join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (schema.type === "array") return `${kind(root, schema.items ?? {})}[]`;
  if (schema.type === "object" && schema.title) return schema.title;
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : (schema.type ?? "any");
  return schema.format ? `${type} (${schema.format})` : type;
}

const LIMITS = { minLength: "at least", maxLength: "at most", minimum: "≥", maximum: "≤", exclusiveMinimum: ">", maxItems: "at most", pattern: "matches" };

/** The bounds of a value, in a few words. */
export function bounds(root, given) {
  const words = [];
  for (const [, schema] of alternatives(root, resolve(root, given))) {
    for (const [name, word] of Object.entries(LIMITS)) {
      if (schema[name] === undefined) continue;
      const unit = name.endsWith("Length") ? " characters" : name.endsWith("Items") ? " items" : "";
      if (!(name === "minLength" && schema[name] === 1)) words.push(`${word} ${schema[name]}${unit}`);
    }
  }
  return [...new Set(words)].join(", ");
}

/** The members of a schema, as an outline that opens level by level. */
export function outline(root, given, depth = 0) {
  const schema = resolve(root, given);
  const list = make("ul", { class: "schema" });
  if (depth === 0 && schema.description) list.append(make("li", { class: "quiet" }, prose(schema.description)));
  const choices = alternatives(root, schema);
  const listed = (each) => each.type === "array" && choices.some(([, other]) => other === resolve(root, each.items));
  if (depth === 0 && choices.some(([, each]) => listed(each))) list.append(make("li", { class: "or" }, kind(root, schema)));
  for (const [reference, each] of choices) {
    if (listed(each)) continue; // a list of what is outlined beside it
    const inner = each.type === "array" ? resolve(root, each.items) : each;
    if (depth === 0 && choices.filter(([, other]) => !listed(other)).length > 1) list.append(make("li", { class: "or" }, kind(root, reference)));
    for (const [name, member] of Object.entries(inner.properties ?? {})) {
      list.append(memberItem(root, name, member, (inner.required ?? []).includes(name), depth));
    }
  }
  return list;
}

function memberItem(root, name, member, required, depth) {
  const head = [
    make("code", { class: "member" }, name),
    required ? make("span", { class: "required", title: "required" }, "*") : null,
    make("span", { class: "type" }, kind(root, member)),
    make("span", { class: "quiet" }, bounds(root, member)),
  ];
  const description = resolve(root, member).description;
  if (depth < DEEPEST && hasMembers(root, member)) {
    const body = make("details", {}, make("summary", {}, head));
    // Made when it is opened: a schema may contain itself.
    body.addEventListener("toggle", () => body.open && body.children.length === 1 && body.append(outline(root, member, depth + 1)));
    return make("li", {}, body);
  }
  return make("li", {}, head, description ? make("div", { class: "quiet" }, prose(description)) : null);
}

function hasMembers(root, given) {
  return alternatives(root, resolve(root, given)).some(([, each]) => {
    const inner = each.type === "array" ? resolve(root, each.items) : each;
    return Object.keys(inner.properties ?? {}).length > 0;
  });
}

/** A value that fits a schema: its example, or what it requires. */
export function sample(root, given, depth = 0) {
  const schema = resolve(root, given);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (depth > DEEPEST) return null;
  const [first] = alternatives(root, schema);
  if (first && first[1] !== schema) return sample(root, first[0], depth + 1);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case "object": {
      const names = (schema.required ?? []).length ? schema.required : Object.keys(schema.properties ?? {}).slice(0, 4);
      return Object.fromEntries(names.map((name) => [name, sample(root, schema.properties?.[name] ?? {}, depth + 1)]));
    }
    case "array":
      return [sample(root, schema.items ?? {}, depth + 1)];
    case "string":
      return schema.format === "date-time" ? new Date().toISOString() : "text";
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    case "boolean":
      return true;
    default:
      return depth === 0 ? {} : null;
  }
}
