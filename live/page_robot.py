"""Somebody at a participant's page: presses its keys and its button, and keeps a diary of what was shown."""

import json
from collections.abc import Sequence
from typing import Final

HOLD_MS: Final = 75

# Holds and pauses come from a small generator with a seed. `globalThis.seen` has screens, paths and titles
# in the order in which they came, the highest frame shown, and the number of presses.
_ROBOT: Final = """
((codes, seed, holdMs) => {
  const seen = { screens: [], paths: [], titles: [], maxFrame: 0, presses: 0 };
  const note = (list, value) => { if (value && list.at(-1) !== value) list.push(value); };
  const overlay = document.getElementById("overlay");
  const look = () => {
    const { screen, path, frame } = document.body.dataset;
    note(seen.screens, screen);
    note(seen.paths, path);
    seen.maxFrame = Math.max(seen.maxFrame, Number(frame ?? 0));
    if (overlay.open) note(seen.titles, document.getElementById("overlay-title").textContent);
    const button = document.getElementById("overlay-button");
    if (overlay.open && !button.hidden && !button.disabled) button.click();
  };
  const watch = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(look).observe(document.body, watch);
  look();
  let state = seed;
  const draw = (limit) => (state = (state * 48271) % 2147483647) % limit;
  const press = (type, code) => window.dispatchEvent(new KeyboardEvent(type, { code, bubbles: true }));
  const act = () => {
    const code = codes[draw(codes.length)];
    press("keydown", code);
    seen.presses += 1;
    const release = () => { press("keyup", code); setTimeout(act, 20 + draw(1.5 * holdMs)); };
    setTimeout(release, 20 + draw(2 * holdMs));
  };
  if (codes.length) act();
  globalThis.seen = seen;
})
"""


def robot(codes: Sequence[str], seed: int = 1, hold_ms: int = HOLD_MS) -> str:
    """JavaScript that begins to press these keys, none if there are none, each for `hold_ms` on average."""
    return f"({_ROBOT.strip()})(...{json.dumps([list(codes), seed, hold_ms])})"
