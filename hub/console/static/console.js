// The page: which view is open, the token, and what is said while the hub is away.
// Invariant: the address names the view wholly; a view never outlives its address.

import { make } from "/docs/elements.js";
import { after } from "/console/actions.js";
import { adapters } from "/console/adapters.js";
import { token, useToken } from "/console/client.js";
import { configuration } from "/console/configuration.js";
import { dead } from "/console/dead.js";
import { job } from "/console/job.js";
import { jobs } from "/console/jobs.js";
import { Clock } from "/console/live.js";
import { overview } from "/console/overview.js";
import { schedule, schedules } from "/console/schedules.js";
import { tickTimes } from "/console/shown.js";
import { workflow, workflows } from "/console/workflows.js";

const VIEWS = [
  ["", "Overview", overview],
  ["jobs", "Jobs", jobs, job],
  ["dead", "Dead letters", dead],
  ["schedules", "Schedules", schedules, schedule],
  ["workflows", "Workflows", workflows, workflow],
  ["adapters", "Adapters", adapters],
  ["configuration", "Configuration", configuration],
];
const byId = (id) => document.getElementById(id);

let view = null;

function go(name, asked) {
  const query = new URLSearchParams(asked);
  location.hash = `#/${name}${query.size ? `?${query}` : ""}`;
}

function open() {
  const [path, text = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [name, id] = path.split("/", 2).map(decoded);
  const [, , list, one] = VIEWS.find(([each]) => each === name) ?? VIEWS[0];
  view = id !== undefined && one ? one(id) : list(new URLSearchParams(text), go);
  document.title = `${view.title} · hub`;
  for (const each of byId("views").children) {
    if (each.dataset.name === name) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  byId("main").replaceChildren(view.element);
  scrollTo(0, 0);
  // The link that led here may be gone: the keyboard goes on from the top of what is shown.
  if (document.activeElement === document.body) byId("main").focus({ preventScroll: true });
  clock.now();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function look() {
  const asked = view;
  try {
    await asked.look();
  } catch (error) {
    // What a view that was left meanwhile has to say concerns nobody.
    if (asked === view) throw error;
  }
  tickTimes(document);
}

function told(state, error, seconds) {
  const words = { live: "live", held: "held", paused: "paused", away: "away", refused: "refused", broken: "failed" };
  byId("pulse").className = `pulse ${state}`;
  if (byId("pulse").textContent !== words[state]) byId("pulse").textContent = words[state];
  const asks = state === "refused" && error.status === 401;
  const fine = state === "live" || state === "held";
  if (fine || asks) say("");
  else if (state === "away") say(`The hub is away: ${error.message}. What is shown is the last that was known; it is asked again every ${seconds} s.`);
  else if (state === "refused") say(`${error.title}: ${error.message}`);
  else if (state === "broken") say(`This view failed: ${error.message}`);
  if (asks) {
    byId("access-why").textContent = `${error.title}: ${error.message}.`;
    byId("main").hidden = true;
    if (byId("access").hidden) {
      byId("access").hidden = false;
      byId("token").focus();
    }
  } else if (fine || state === "refused") {
    byId("access").hidden = true;
    byId("main").hidden = false;
  }
  byId("forget").hidden = !token();
}

function say(text) {
  const notice = byId("notice");
  if (notice.textContent !== text) notice.textContent = text;
  notice.hidden = !text;
}

const clock = new Clock(look, told);

after.change = () => {
  view.fresh?.();
  clock.now();
};
byId("views").append(...VIEWS.map(([name, title]) => make("a", { href: `#/${name}`, "data-name": name }, title)));
byId("access").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(byId("token").value.trim());
  byId("token").value = "";
  open();
});
byId("forget").addEventListener("click", () => {
  useToken("");
  open();
});
byId("hold").addEventListener("click", () => {
  clock.hold(!clock.held);
  byId("hold").textContent = clock.held ? "Go on" : "Hold";
});
addEventListener("hashchange", open);
open();
