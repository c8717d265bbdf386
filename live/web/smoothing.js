// @ts-check
// Corrections shown gently: an item that a correction moved glides from where it was shown to where it is.
//
// Idea: keep the offset between the two and let it shrink to nothing; the item's own motion goes on
// underneath, so nothing is shown later than it is known. Only what is painted is touched, never data.

/** @typedef {import("./protocol.js").DrawItem} DrawItem */

/** Where in an item its coordinates are, by kind: pairs of x and y. @type {Record<string, number[]>} */
const COORDINATES = {
  rect: [1, 2],
  circle: [1, 2],
  "half-circle": [1, 2],
  line: [1, 2, 3, 4],
  text: [1, 2],
};
/** How many values an item has without an id. @type {Record<string, number>} */
const LENGTHS = { rect: 6, circle: 5, "half-circle": 5, line: 7, text: 6 };
const FAR = 1 / 4; // of the stage's width: beyond that it is another place, and a glide would tell a lie

/** What must be equal for two items to be one thing, or "" if it is none. @param {DrawItem} item */
function identity(item) {
  const length = LENGTHS[item[0]];
  return item.length === length + 1 ? `${item[0]} ${item[length]} ${item[length - 1]}` : "";
}

/** Eases out: most of the way is made at once. @param {number} share of the time gone */
const remaining = (share) => (1 - share) * (1 - share);

/** @param {DrawItem} item @param {number[]} offsets @param {number} weight @returns {DrawItem} */
function moved(item, offsets, weight) {
  /** @type {DrawItem} */
  const copy = [...item];
  const places = COORDINATES[item[0]];
  for (const [index, place] of places.entries()) copy[place] = Number(item[place]) + offsets[index] * weight;
  return copy;
}

export class Smoother {
  /** @param {number} durationMs 0: corrections jump */
  constructor(durationMs) {
    this.durationMs = durationMs;
    /** @type {DrawItem[]} */
    this.items = [];
    /** @type {Map<string, {offsets: number[], sinceMs: number}>} */
    this.gliding = new Map();
  }

  /** Take the next picture. @param {DrawItem[]} items @param {boolean} isCorrected @param {number} nowMs */
  receive(items, isCorrected, nowMs) {
    if (isCorrected && this.durationMs > 0) this.absorb(items, nowMs);
    this.items = items;
  }

  /** The picture to paint now. @param {number} nowMs @returns {DrawItem[]} */
  shown(nowMs) {
    if (!this.gliding.size) return this.items;
    for (const [key, glide] of this.gliding) {
      if (nowMs - glide.sinceMs >= this.durationMs) this.gliding.delete(key);
    }
    return this.items.map((item) => {
      const glide = this.gliding.get(identity(item));
      if (!glide) return item;
      return moved(item, glide.offsets, remaining(Math.max(0, nowMs - glide.sinceMs) / this.durationMs));
    });
  }

  get isGliding() {
    return this.gliding.size > 0;
  }

  /** @param {DrawItem[]} items @param {number} nowMs */
  absorb(items, nowMs) {
    const before = new Map(this.shown(nowMs).map((item) => [identity(item), item]));
    const limit = Number(items[0]?.[3] ?? 0) * FAR;
    this.gliding.clear();
    for (const item of items) {
      const key = identity(item);
      const was = key && before.get(key);
      if (!was) continue;
      const offsets = COORDINATES[item[0]].map((place) => Number(was[place]) - Number(item[place]));
      const farthest = Math.max(...offsets.map(Math.abs));
      if (farthest > 0 && farthest <= limit) this.gliding.set(key, { offsets, sinceMs: nowMs });
    }
  }
}
