// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { Smoother } from "../../live/web/smoothing.js";

/** @typedef {import("../../live/web/protocol.js").DrawItem} DrawItem */

const STAGE = /** @type {DrawItem} */ (["rect", 0, 0, 480, 240, "#eeeeee"]);
const ball = (/** @type {number} */ x, /** @type {number} */ y, colour = "#d8433b") =>
  /** @type {DrawItem} */ (["circle", x, y, 9, colour, "ball"]);

/** @param {Smoother} smoother @param {number} nowMs */
const shownX = (smoother, nowMs) => smoother.shown(nowMs)[1][1];

test("what no correction moved is painted as it is", () => {
  const smoother = new Smoother(100);
  for (let step = 0; step < 10; step++) {
    const items = [STAGE, ball(step * 20, 50)];
    smoother.receive(items, false, step * 16);
    assert.equal(smoother.shown(step * 16), items);
    assert.equal(smoother.isGliding, false);
  }
});

test("a corrected item starts where it was seen, comes ever nearer, and is there after the time", () => {
  for (const kind of ["rect", "circle", "half-circle", "text"]) {
    const item = (/** @type {number} */ x) =>
      /** @type {DrawItem} */ (
        kind === "rect"
          ? [kind, x, 9, 5, 5, "#123456", "it"]
          : [kind, x, 9, 5, ...(kind === "text" ? ["a"] : []), "#123456", "it"]
      );
    const smoother = new Smoother(100);
    smoother.receive([STAGE, item(10)], false, 0);
    smoother.receive([STAGE, item(50)], true, 1000);
    let last = shownX(smoother, 1000);
    assert.equal(last, 10, kind);
    for (let ms = 1010; ms <= 1100; ms += 10) {
      const x = shownX(smoother, ms);
      assert.ok(x > last && x <= 50, `${kind}: ${last} -> ${x}`);
      last = x;
    }
    assert.equal(last, 50);
    assert.equal(smoother.isGliding, false);
  }
});

test("both ends of a line glide", () => {
  const line = (/** @type {number} */ x) =>
    /** @type {DrawItem} */ (["line", x, 0, x + 5, 9, 2, "#123456", "arm"]);
  const smoother = new Smoother(100);
  smoother.receive([STAGE, line(0)], false, 0);
  smoother.receive([STAGE, line(40)], true, 0);
  assert.deepEqual(smoother.shown(0)[1], line(0));
  assert.deepEqual(smoother.shown(100)[1], line(40));
});

test("the motion of an item goes on under its glide", () => {
  const smoother = new Smoother(100);
  smoother.receive([STAGE, ball(0, 0)], false, 0);
  smoother.receive([STAGE, ball(40, 0)], true, 0);
  smoother.receive([STAGE, ball(60, 0)], false, 50);
  const x = Number(shownX(smoother, 50));
  assert.equal(x, 60 - 40 * 0.25);
  assert.equal(shownX(smoother, 100), 60);
});

test("a second correction begins where the first one is seen", () => {
  const smoother = new Smoother(100);
  smoother.receive([STAGE, ball(0, 0)], false, 0);
  smoother.receive([STAGE, ball(40, 0)], true, 0);
  const before = Number(shownX(smoother, 30));
  smoother.receive([STAGE, ball(90, 0)], true, 30);
  assert.ok(Math.abs(Number(shownX(smoother, 30)) - before) < 1e-9);
  assert.equal(shownX(smoother, 130), 90);
});

test("only what is one thing glides: equal id, kind and colour, and near enough", () => {
  const cases = [
    [ball(0, 0), ball(40, 0, "#000000")],
    [ball(0, 0), /** @type {DrawItem} */ (["half-circle", 40, 0, 9, "#d8433b", "ball"])],
    [
      /** @type {DrawItem} */ (["circle", 0, 0, 9, "#d8433b"]),
      /** @type {DrawItem} */ (["circle", 40, 0, 9, "#d8433b"]),
    ],
    [ball(0, 0), ball(121, 0)],
  ];
  for (const [before, after] of cases) {
    const smoother = new Smoother(100);
    smoother.receive([STAGE, before], false, 0);
    smoother.receive([STAGE, after], true, 0);
    assert.equal(smoother.shown(0)[1], after);
  }
});

test("switched off, corrections jump", () => {
  const smoother = new Smoother(0);
  smoother.receive([STAGE, ball(0, 0)], false, 0);
  smoother.receive([STAGE, ball(40, 0)], true, 0);
  assert.equal(shownX(smoother, 0), 40);
});

test("the items themselves are never changed", () => {
  const smoother = new Smoother(100);
  const items = [STAGE, ball(40, 0)];
  const before = structuredClone(items);
  smoother.receive([STAGE, ball(0, 0)], false, 0);
  smoother.receive(items, true, 0);
  smoother.shown(20);
  assert.deepEqual(items, before);
});

test("a correction to where an item is seen ends its glide", () => {
  const smoother = new Smoother(100);
  smoother.receive([STAGE, ball(0, 0)], false, 0);
  smoother.receive([STAGE, ball(40, 0)], true, 0);
  smoother.receive([STAGE, ball(0, 0)], true, 0);
  assert.equal(shownX(smoother, 0), 0);
});
