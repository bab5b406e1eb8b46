// The configuration that is in force, as the API masks it, and what came of the last edit of the file.
// Invariant: it shows what the hub runs by, never what merely stands in the file.

import { make } from "/docs/elements.js";
import { get } from "/console/client.js";
import { redraw, Seldom } from "/console/live.js";
import { head, long, panel, when } from "/console/shown.js";

const OPEN = new Set(["adapters", "routes"]);

export function configuration() {
  const [reload, sections] = ["reload", "sections"].map((name) => make("div", { id: name }));
  const file = new Seldom(() => get("/api/configuration"), 4_000);
  const look = async () => {
    const { $reload: last = null, $schema: _, ...found } = await file.look();
    redraw(reload, last, drawReload);
    redraw(sections, found, drawSections);
  };
  const element = make("div", {}, head("Configuration"), make("p", { class: "quiet" }, "With every default, secrets masked."), reload, sections);
  return { title: "Configuration", element, look };
}

function drawReload(last) {
  if (last === null) return panel("Last edit", make("p", { class: "empty" }, "The file was not edited since the hub started."));
  const said = (text, list) => (list?.length ? [make("p", {}, text), make("ul", { class: "faults" }, list.map((each) => make("li", {}, make("code", {}, each))))] : []);
  return panel(
    "Last edit",
    make("p", {}, make("span", { class: `badge ${last.applied ? "good" : "bad"}` }, last.applied ? "in force" : "refused"), " ", when(last.at)),
    said("Nothing of it counts, because:", last.faults),
    said("Changed:", last.changed),
    said("Waits for the database:", last.waiting),
    said("Counts only once the hub starts anew:", last.restart),
  );
}

function drawSections(found) {
  const sections = Object.entries(found).map(([name, value]) => {
    const size = value && typeof value === "object" ? Object.keys(value).length : value === null ? 0 : 1;
    const said = size === 0 ? "none" : Array.isArray(value) || OPEN.has(name) ? `${size}` : "";
    const summary = make("summary", {}, make("strong", {}, name), make("span", { class: "quiet" }, ` ${said}`));
    const more = make("details", { class: "section", open: OPEN.has(name) && size > 0, "data-key": name }, summary);
    const fill = () => more.open && more.children.length === 1 && more.append(long(value, name));
    more.addEventListener("toggle", fill);
    fill();
    return more;
  });
  return make("div", { class: "panel sections" }, sections);
}
