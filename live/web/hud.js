// @ts-check
// A few figures of the connection in a corner, for those who run a study; participants do not see it.

import { element, setText } from "./dom.js";

/** @param {import("./protocol.js").Hud} hud @returns {{rtt: string, depth: string, path: string, behind: string}} */
export const wordsOf = (hud) => ({
  rtt: hud.rtt_us === null ? "–" : `${(hud.rtt_us / 1000).toFixed(hud.rtt_us < 10_000 ? 1 : 0)} ms`,
  depth: String(hud.rollback_depth),
  path: hud.path === "none" ? "–" : hud.path,
  behind: String(hud.frames_behind),
});

export function mountHud() {
  const box = element("hud", HTMLDetailsElement);
  const fields = {
    rtt: element("hud-rtt", HTMLElement),
    depth: element("hud-depth", HTMLElement),
    path: element("hud-path", HTMLElement),
    behind: element("hud-behind", HTMLElement),
  };
  return {
    /** @param {import("./protocol.js").Hud | null} hud null: not now */
    show(hud) {
      box.hidden = !hud;
      if (!hud || !box.open) return;
      const words = wordsOf(hud);
      setText(fields.rtt, words.rtt);
      setText(fields.depth, words.depth);
      setText(fields.path, words.path);
      setText(fields.behind, words.behind);
    },
  };
}
