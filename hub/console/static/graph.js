// Boxes and arrows as SVG: columns from left to right, every box a link that can be reached by keyboard.
// Invariant: text only ever becomes a text node, cut to its box; the whole of it is in the box's title.

const SPACE = "http://www.w3.org/2000/svg";
const WIDE = 230;
const HIGH = 46;
const APART = 12;
const BETWEEN = 88;
const MARGIN = 2;

/** An SVG element. */
export function draw(tag, properties = {}, ...children) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(properties)) if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/**
 * Draws `columns` of boxes {id, title, text, kind, href, tip} and `edges` {from, to, weight}: weight 0 is drawn thin.
 * `heads` are the columns' names; with them columns begin at the top, else they are centred.
 */
export function graph(label, columns, edges, heads = []) {
  const { filled, ways } = led(columns, edges);
  const top = heads.length ? 26 : MARGIN;
  const tallest = Math.max(1, ...filled.map((column) => column.length));
  const height = top + tallest * (HIGH + APART) - APART + MARGIN;
  const width = MARGIN * 2 + filled.length * WIDE + (filled.length - 1) * BETWEEN;
  const places = new Map();
  filled.forEach((column, index) => {
    const x = MARGIN + index * (WIDE + BETWEEN);
    const room = heads.length ? 0 : ((tallest - column.length) * (HIGH + APART)) / 2;
    column.forEach((node, row) => places.set(node.id, { x, y: top + room + row * (HIGH + APART), passed: node.passed }));
  });
  const lines = ways.map(({ way, weight }) => arrow(way.map((id) => places.get(id)), weight));
  const boxes = columns.flat().map((node) => box(node, places.get(node.id)));
  const words = heads.map((text, index) => draw("text", { class: "column", x: MARGIN + index * (WIDE + BETWEEN), y: 13 }, text));
  return draw("svg", { class: "graph", role: "group", "aria-label": label, viewBox: `0 0 ${width} ${height}`, width, height }, lines, boxes, words);
}

/** Edges over several columns get a place in each that they pass, so that they run behind no box. */
function led(columns, edges) {
  const filled = columns.map((column) => [...column]);
  const at = new Map(columns.flatMap((column, index) => column.map((node) => [node.id, index])));
  const ways = [];
  for (const { from, to, weight = 0 } of edges) {
    if (!at.has(from) || !at.has(to)) continue;
    const way = [from];
    for (let index = at.get(from) + 1; index < at.get(to); index += 1) {
      const id = Symbol(`${from} to ${to}`);
      filled[index].push({ id, passed: true });
      way.push(id);
    }
    ways.push({ way: [...way, to], weight });
  }
  return { filled, ways };
}

function arrow(places, weight) {
  const middle = HIGH / 2;
  let path = `M${places[0].x + WIDE} ${places[0].y + middle}`;
  for (let index = 1; index < places.length; index += 1) {
    const [from, to] = [places[index - 1], places[index]];
    const [x1, y1, x2, y2] = [from.x + WIDE, from.y + middle, to.x, to.y + middle];
    const bend = Math.max(24, (x2 - x1) / 2);
    path += `C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    if (to.passed) path += `H${to.x + WIDE}`;
  }
  return draw("path", { class: weight > 0 ? "edge flows" : "edge", d: path, "stroke-width": weight > 0 ? Math.min(5, 1.5 + Math.log10(1 + weight)).toFixed(2) : 1 });
}

function box({ id, title, text = "", kind = "idle", href, tip }, { x, y }) {
  const inside = [
    draw("title", {}, tip ?? `${title}\n${text}`),
    draw("rect", { width: WIDE, height: HIGH, rx: 7 }),
    draw("circle", { cx: 14, cy: 17, r: 4 }),
    draw("text", { class: "name", x: 26, y: 21 }, cut(title, 24)),
    draw("text", { class: "said", x: 26, y: 37 }, cut(text, 30)),
  ];
  const properties = { class: `node ${kind}`, transform: `translate(${x} ${y})`, "data-key": id };
  return href ? draw("a", { ...properties, href }, inside) : draw("g", properties, inside);
}

/** Steps in columns by what they come after: `after` answers the names before a name. */
export function layers(names, after) {
  const depth = new Map();
  const of = (name, seen) => {
    if (depth.has(name)) return depth.get(name);
    if (seen.has(name)) return 0; // what is in a circle begins at the left
    const before = after(name).filter((each) => names.includes(each));
    const found = before.length ? 1 + Math.max(...before.map((each) => of(each, new Set([...seen, name])))) : 0;
    depth.set(name, found);
    return found;
  };
  const columns = [];
  for (const name of names) (columns[of(name, new Set())] ??= []).push(name);
  return columns;
}
