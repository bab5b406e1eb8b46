// What keeps a view in step with the hub: regions that are redrawn when their data changed, and the clock behind them.
// Invariant: one look at a time; none while the page is hidden or held; ever fewer while the hub is away, and the first that
// is answered puts everything back.

import { Away, Refused } from "/console/client.js";

const EVERY = 2_000;
const RARELY = 15_000;
const PARTS = 10;

/** Redraws `region` by `draw(value)` only when `value` is another than before; the focus stays where it was. */
export function redraw(region, value, draw) {
  const text = JSON.stringify(value);
  if (region.drawn === text) return;
  region.drawn = text;
  const place = placeOf(region);
  region.replaceChildren(...[draw(value)].flat().filter(Boolean));
  if (place) focusAgain(region, place);
}

function placeOf(region) {
  const active = document.activeElement;
  if (!active || active === region || !region.contains(active)) return null;
  const row = active.closest("[data-key]");
  return { key: row?.dataset.key, self: row === active, tag: active.tagName, text: active.textContent };
}

function focusAgain(region, { key, self, tag, text }) {
  const rows = key === undefined ? [region] : [...region.querySelectorAll("[data-key]")].filter((one) => one.dataset.key === key);
  const found = self ? rows : rows.flatMap((one) => [...one.querySelectorAll(tag)]);
  (found.find((one) => one.textContent === text) ?? (found.length === 1 ? found[0] : null))?.focus({ preventScroll: true });
}

/** What is asked at most so often that the asking costs the hub a tenth of the time, and no oftener than `pause`. */
export class Seldom {
  constructor(ask, pause = 0) {
    this.ask = ask;
    this.pause = pause;
    this.next = 0;
    this.value = null;
  }

  async look() {
    const since = performance.now();
    if (since < this.next) return this.value;
    this.value = await this.ask();
    const now = performance.now();
    this.next = now + Math.max(this.pause, (now - since) * PARTS - EVERY);
    return this.value;
  }
}

/** Looks again and again; `look` does it once. `told(state, error, seconds)`: live, held, paused, away, refused, broken. */
export class Clock {
  constructor(look, told) {
    this.look = look;
    this.told = told;
    this.failures = 0;
    this.timer = 0;
    this.busy = false;
    this.again = false;
    this.held = false;
    document.addEventListener("visibilitychange", () => this.now());
  }

  /** Look no more by itself, or again. */
  hold(held) {
    this.held = held;
    this.now();
  }

  /** Look at once; during a look, once more after it. */
  async now() {
    clearTimeout(this.timer);
    if (document.hidden) {
      this.told("paused");
      return;
    }
    this.again = this.busy;
    if (this.busy) return;
    this.busy = true;
    let pause = EVERY;
    try {
      await this.look();
      this.failures = 0;
      this.told(this.held ? "held" : "live");
    } catch (error) {
      if (error instanceof Away) {
        this.failures += 1;
        pause = Math.min(RARELY, EVERY * 1.6 ** (this.failures - 1)) * (0.8 + 0.4 * Math.random());
        this.told("away", error, Math.round(pause / 1000));
      } else if (error instanceof Refused) {
        this.told("refused", error);
        if (error.status === 401) pause = null;
      } else {
        this.told("broken", error);
        console.error(error);
      }
    } finally {
      this.busy = false;
    }
    if (this.again) this.now();
    else if (pause !== null && !(this.held && !this.failures)) this.timer = setTimeout(() => this.now(), pause);
  }
}
