// Counters become rates: samples of /metrics of the last minutes, kept in the browser.
// Invariant: a rate is the difference of two samples of one process; when a counter has fallen the hub was started
// anew, and what was sampled before is forgotten.

const KEPT = 300; // seconds
const WINDOW = 10; // seconds that a shown rate is taken over

const SAMPLE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** The samples of a scrape: [name, labels, value]. */
export function* samples(text) {
  for (const row of text.split("\n")) {
    const found = row[0] === "#" ? null : SAMPLE.exec(row);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(LABEL)) labels[name] = value.replace(/\\(.)/g, (_, one) => (one === "n" ? "\n" : one));
    yield [found[1], labels, Number(found[3])];
  }
}

const add = (map, key, value) => map.set(key, (map.get(key) ?? 0) + value);

/** One scrape, summed over processes and queues. */
export function sample(text, at) {
  const found = { at, done: new Map(), failed: new Map(), ingested: new Map(), received: new Map(), published: new Map(), buckets: new Map() };
  for (const [name, labels, value] of samples(text)) {
    if (name === "hub_attempts_total") add(labels.outcome === "completed" ? found.done : found.failed, labels.handler, value);
    else if (name === "hub_ingested_total") add(found.ingested, labels.route, value);
    else if (name === "hub_adapter_received_total") add(found.received, labels.adapter, value);
    else if (name === "hub_adapter_published_total") add(found.published, labels.adapter, value);
    else if (name === "hub_attempt_seconds_bucket") add(found.buckets, labels.le === "+Inf" ? Infinity : Number(labels.le), value);
  }
  return found;
}

const total = (map) => [...map.values()].reduce((sum, value) => sum + value, 0);

/** The value below which a share of what the buckets counted lies, in their unit; null when they counted nothing. */
export function quantile(before, now, share) {
  const bounds = [...now.keys()].sort((one, other) => one - other);
  const counts = bounds.map((bound) => now.get(bound) - (before.get(bound) ?? 0));
  const all = counts.at(-1) ?? 0;
  if (all <= 0) return null;
  const at = counts.findIndex((each) => each >= all * share);
  const low = at ? bounds[at - 1] : 0;
  if (bounds[at] === Infinity) return low;
  const below = at ? counts[at - 1] : 0;
  return low + ((bounds[at] - low) * (all * share - below)) / Math.max(counts[at] - below, 1e-9);
}

export class Rates {
  constructor() {
    this.samples = [];
  }

  add(text, at = performance.now() / 1000) {
    const now = sample(text, at);
    const last = this.samples.at(-1);
    if (last && (total(now.done) < total(last.done) || total(now.ingested) < total(last.ingested))) this.samples = [];
    this.samples.push(now);
    while (this.samples[0].at < at - KEPT) this.samples.shift();
  }

  forget() {
    this.samples = [];
  }

  /** A second, over the last seconds: `what` is done, failed, ingested, received or published; null before it is known. */
  of(what, name) {
    const [before, now] = this.window(this.samples.length - 1);
    if (!before) return null;
    return ((now[what].get(name) ?? 0) - (before[what].get(name) ?? 0)) / (now.at - before.at);
  }

  /** The same for all names together. */
  all(what) {
    const [before, now] = this.window(this.samples.length - 1);
    return before ? (total(now[what]) - total(before[what])) / (now.at - before.at) : null;
  }

  window(index) {
    const now = this.samples[index];
    if (!now || index < 1) return [null, now];
    let at = index - 1;
    while (at > 0 && this.samples[at].at > now.at - WINDOW) at -= 1;
    return [this.samples[at], now];
  }

  /** Points over time: [seconds ago, done/s, failed/s, p50, p95]; the last two in milliseconds, null without jobs. */
  points() {
    const end = this.samples.at(-1)?.at ?? 0;
    return this.samples.slice(1).map((now, index) => {
      const last = this.samples[index];
      const [before] = this.window(index + 1);
      const each = (what) => Math.max(0, (total(now[what]) - total(last[what])) / (now.at - last.at));
      const at = (share) => {
        const seconds = quantile(before.buckets, now.buckets, share);
        return seconds === null ? null : seconds * 1000;
      };
      return [end - now.at, each("done"), each("failed"), at(0.5), at(0.95)];
    });
  }
}
