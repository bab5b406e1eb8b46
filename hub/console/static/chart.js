// Lines over the last minutes, as SVG.
// Invariant: every chart begins at zero and says its unit; a gap in the data is a gap in the line.

import { make } from "/docs/elements.js";
import { draw } from "/console/graph.js";

const HIGH = 150;
const LEFT = 52;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 22;
const LENGTH = 300; // seconds

/** `points`: [seconds ago, value of each series …]; `series`: [name, class]; `format` says a value. */
export function chart(title, points, series, format, width) {
  const most = Math.max(0, ...points.flatMap((point) => point.slice(1).filter((value) => value !== null)));
  const top = nice(most);
  const x = (ago) => LEFT + (1 - Math.min(ago, LENGTH) / LENGTH) * (width - LEFT - RIGHT);
  const y = (value) => TOP + (1 - value / top) * (HIGH - TOP - BOTTOM);
  const grid = [0, 0.5, 1].map((share) => [
    draw("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(top * share), y2: y(top * share) }),
    draw("text", { class: "tick end", x: LEFT - 8, y: y(top * share) + 4 }, format(top * share)),
  ]);
  const times = [[300, "5 min ago"], [150, ""], [0, "now"]].map(([ago, text]) => draw("text", { class: ago ? "tick" : "tick end", x: x(ago), y: HIGH - 4 }, text));
  const lines = series.map(([, style], index) => draw("path", { class: `line ${style}`, d: path(points, index + 1, x, y) }));
  const last = points.at(-1);
  const legend = series.map(([name, style], index) => {
    const value = last?.[index + 1];
    return make("span", { class: `key ${style}` }, `${name} `, make("b", {}, value === null || value === undefined ? "–" : format(value)));
  });
  return make(
    "figure",
    { class: "chart" },
    make("figcaption", {}, make("span", { class: "title" }, title), make("span", { class: "keys" }, legend)),
    draw("svg", { viewBox: `0 0 ${width} ${HIGH}`, width, height: HIGH, role: "img", "aria-label": title }, grid, times, lines),
  );
}

function path(points, index, x, y) {
  let text = "";
  let pen = false;
  for (const point of points) {
    const value = point[index];
    if (value === null || point[0] > LENGTH) pen = false;
    else {
      text += `${pen ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = true;
    }
  }
  return text;
}

/** The next number above that reads well: 1, 2 or 5 times a power of ten. */
export function nice(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}
