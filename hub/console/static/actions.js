// What changes something: asked first, done, and said what became of it.
// Invariant: nothing is sent before the reader has said yes; a refusal stays in view until it is closed.

import { make } from "/docs/elements.js";
import { Refused } from "/console/client.js";

const STAYS = 8_000;

/** Called after every change, so that the view shows it. */
export const after = { change: () => {} };

/**
 * Asks, does, tells. `act(form)` does it and answers what is said of it; `fields` are elements of the dialog, which
 * `act` reads by their names.
 */
export function ask({ title, text, verb, act, fields = [], danger = false, wide = false }) {
  const problem = make("p", { class: "notice", role: "alert", hidden: true });
  const go = make("button", { type: "submit", class: danger ? "danger" : "primary" }, verb);
  const leave = make("button", { type: "button", onclick: () => dialog.close() }, "Leave it");
  const form = make(
    "form",
    { class: "asked", autocomplete: "off" },
    make("h2", { id: "asked" }, title),
    text ? make("p", {}, text) : null,
    fields,
    problem,
    make("div", { class: "row end" }, leave, go),
  );
  const dialog = make("dialog", { "aria-labelledby": "asked", class: wide ? "broad" : null }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    problem.hidden = true;
    try {
      const said = await act(form);
      dialog.close();
      tell(said);
      after.change();
    } catch (error) {
      // Refused, away, or a text that is no JSON: all of them are the reader's to know.
      problem.replaceChildren(...(error instanceof Refused ? [make("strong", {}, error.title), " "] : []), error.message);
      problem.hidden = false;
    } finally {
      go.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  // Enter pressed once too often must not do what cannot be undone.
  (form.querySelector("textarea") ?? form.querySelector("input") ?? (danger ? leave : go)).focus();
}

let clearing = 0;

/** Says what became of an action. */
export function tell(...said) {
  const region = document.getElementById("done");
  region.replaceChildren(...said.flat());
  clearTimeout(clearing);
  clearing = setTimeout(() => region.replaceChildren(), STAYS);
}

/** A text field of a dialog, with its name before it. */
export function field(label, name, value = "", more = {}) {
  return make("label", { class: "field" }, make("span", {}, label), make("input", { name, value, spellcheck: "false", ...more }));
}

/** An area of JSON or text in a dialog. */
export function area(label, name, value, rows = 12) {
  const text = make("textarea", { name, rows, spellcheck: "false" });
  text.value = value;
  return make("label", { class: "field tall" }, make("span", {}, label), text);
}

/** A text that is JSON, as it stands: numbers of any size stay what they are. Raises Error. */
export function checked(text) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error.message}`);
  }
  return text;
}

const me = { acts: true };

/** Whether actions are offered. A viewer is told by what rows lack; whatever is offered, the hub decides. */
export const mayAct = () => me.acts;

/** Learns from rows whether their reader is a viewer: payloads are left out for those. */
export function notice(rows, name = "payload") {
  if (rows.length) me.acts = rows.some((row) => name in row);
}
