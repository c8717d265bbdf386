// @ts-check
// The picture on the screen: the newest view, corrections smoothed, painted once per animation frame.

import { mountCanvas } from "./canvas.js";
import { element } from "./dom.js";
import { Smoother } from "./smoothing.js";

/** @typedef {import("./protocol.js").View} View */

const SMOOTHING_US = 100_000; // where the study says nothing: long enough to soothe, too short to mislead

/** @param {(serial: number, atMs: number) => void} drawn told when a view that asks for it is painted */
export function mountPicture(drawn) {
  const picture = element("picture", HTMLCanvasElement);
  const canvas = mountCanvas(picture);
  const stillness = window.matchMedia("(prefers-reduced-motion: reduce)");
  let smoother = new Smoother(0);
  /** @type {View | null} */
  let view = null;
  let isAwaited = false; // one of the views since the last painted one asks when it is seen
  let isPaintDue = false;

  const paint = () => {
    isPaintDue = false;
    if (!view) return;
    canvas.paint(smoother.shown(performance.now()));
    document.body.dataset.frame = String(view.frame);
    if (isAwaited) drawn(view.serial, performance.now());
    isAwaited = false;
    if (smoother.isGliding) paintSoon();
  };
  const paintSoon = () => {
    if (!isPaintDue) window.requestAnimationFrame(paint);
    isPaintDue = true;
  };
  window.addEventListener("resize", paintSoon);

  return {
    /** @param {import("./protocol.js").Options} options */
    use(options) {
      smoother = new Smoother((options.smoothing_us ?? SMOOTHING_US) / 1000);
    },
    /** @param {string} text for those who cannot see the picture */
    describe(text) {
      picture.setAttribute("aria-label", text);
    },
    /** @param {View} next */
    show(next) {
      view = next;
      isAwaited ||= next.timed;
      smoother.receive(next.draw, next.corrected && !stillness.matches, performance.now());
      paintSoon();
    },
  };
}
