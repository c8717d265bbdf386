// @ts-check
// What loads, and how much of it is here.

import { element, setText } from "./dom.js";

const SMALL_SCREEN = "(pointer: coarse) and (max-width: 900px)";
const STARTING_SHARE = 0.15; // of the bar, for the start of Python: about its share of a cold start on a fast line

/** @param {import("./protocol.js").Progress} progress @returns {{share: number, words: string}} */
export function describe({ step, done, total }) {
  if (step === "ready") return { share: 1, words: "Connecting to the server …" };
  if (step === "python") return { share: 1 - STARTING_SHARE, words: "Starting Python …" };
  const share = total > 0 ? Math.min(1, done / total) : 0;
  return {
    share: share * (1 - STARTING_SHARE),
    words: `${megabytes(done)} of ${megabytes(Math.max(done, total))} MB`,
  };
}

/** @param {number} bytes */
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

export function mountLoading() {
  const section = element("loading", HTMLElement);
  const bar = element("loading-bar", HTMLProgressElement);
  const step = element("loading-step", HTMLParagraphElement);
  element("loading-phone", HTMLParagraphElement).hidden = !window.matchMedia(SMALL_SCREEN).matches;
  return {
    /** @param {import("./protocol.js").Progress} progress */
    show(progress) {
      const { share, words } = describe(progress);
      bar.value = share;
      setText(step, words);
    },
    /** @param {string} words */
    say(words) {
      setText(step, words);
    },
    hide() {
      section.hidden = true;
    },
  };
}
