// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { fit, paint, stageOf } from "../../live/web/canvas.js";
import { selectedPath } from "../../live/web/connections.js";
import { wordsOf } from "../../live/web/hud.js";
import { buttonOf, HeldButtons } from "../../live/web/keys.js";
import { readAgent } from "../../live/web/label.js";
import { describe } from "../../live/web/loading.js";
import { FIRST_DELAY_MS, LAST_DELAY_MS, nextDelayMs } from "../../live/web/socket.js";

test("a picture fits its box, keeps its shape and fills whole device pixels", () => {
  for (const stage of [
    { width: 480, height: 240 },
    { width: 240, height: 320 },
  ]) {
    for (const box of [
      { width: 1280, height: 660 },
      { width: 1024, height: 580 },
      { width: 300, height: 900 },
    ]) {
      for (const density of [1, 1.25, 1.5, 2, 3]) {
        const layout = fit(stage, box, density);
        assert.ok(Number.isInteger(layout.width) && Number.isInteger(layout.height));
        assert.ok(layout.cssWidth <= box.width && layout.cssHeight <= box.height);
        assert.ok(Math.abs(layout.cssWidth / layout.cssHeight - stage.width / stage.height) < 0.01);
        const isFull = box.width - layout.cssWidth < 1 || box.height - layout.cssHeight < 1;
        assert.ok(isFull, "one side is filled");
      }
    }
  }
  assert.equal(fit({ width: 480, height: 240 }, { width: 0, height: 100 }, 2).width, 0);
});

test("the stage is the first item", () => {
  assert.deepEqual(stageOf([["rect", 0, 0, 480, 240, "#ffffff"]]), { width: 480, height: 240 });
  assert.equal(stageOf([]), null);
});

test("every kind of item is painted, and unknown ones do no harm", () => {
  /** @type {string[]} */
  const done = [];
  const context = new Proxy({}, { get: (_, name) => () => done.push(String(name)), set: () => true });
  const items = /** @type {import("../../live/web/protocol.js").DrawItem[]} */ ([
    ["rect", 0, 0, 4, 4, "#ffffff"],
    ["circle", 0, 0, 4, "#ffffff", "id"],
    ["half-circle", 0, 0, 4, "#ffffff"],
    ["line", 0, 0, 4, 4, 1, "#ffffff"],
    ["text", 0, 0, 4, "a", "#ffffff"],
    ["hologram", 1, 2],
  ]);
  paint(/** @type {any} */ (context), items, 2);
  const shapes = done.filter((name) => ["fillRect", "fill", "stroke", "fillText"].includes(name));
  assert.deepEqual(shapes, ["fillRect", "fill", "fill", "stroke", "fillText"]);
});

test("the socket waits 250 ms, then twice as long each time, up to 4 s", () => {
  const waits = [FIRST_DELAY_MS];
  while (waits.length < 7) waits.push(nextDelayMs(waits[waits.length - 1]));
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 4000, 4000]);
  assert.equal(LAST_DELAY_MS, 4000);
});

test("a button is down while any of its keys or fingers is", () => {
  /** @type {[number, boolean, number][]} */
  const told = [];
  const held = new HeldButtons((...press) => told.push(press));
  held.down("ArrowLeft", 0, 1);
  held.down("ArrowLeft", 0, 2);
  held.down("KeyA", 0, 3);
  held.down("pointer 1", 1, 4);
  held.up("ArrowLeft", 5);
  held.up("KeyA", 6);
  held.up("KeyA", 7);
  held.up("Never", 8);
  assert.deepEqual(told, [
    [0, true, 1],
    [1, true, 4],
    [0, false, 6],
  ]);
  held.clear();
  assert.equal(held.isHeld(1), false);
});

test("a key is found by its position", () => {
  const buttons = [
    { label: "←", name: "left", codes: ["ArrowLeft", "KeyA"] },
    { label: "↑", name: "jump", codes: ["Space"] },
  ];
  assert.equal(buttonOf(buttons, "KeyA"), 0);
  assert.equal(buttonOf(buttons, "Space"), 1);
  assert.equal(buttonOf(buttons, "KeyQ"), -1);
});

const PAIR = {
  id: "p",
  type: "candidate-pair",
  localCandidateId: "l",
  remoteCandidateId: "r",
  currentRoundTripTime: 0.0012,
};
const OTHER = {
  id: "q",
  type: "candidate-pair",
  localCandidateId: "r",
  remoteCandidateId: "l",
  state: "succeeded",
  nominated: true,
};
const LOCAL = { id: "l", type: "local-candidate", candidateType: "host", protocol: "udp" };
const REMOTE = { id: "r", type: "remote-candidate", candidateType: "relay", protocol: "udp" };
const EXPECTED = { local: "host", remote: "relay", protocol: "udp", is_turn: true, rtt_us: 1200 };

test("the pair that carries data is the transport's, not any that once succeeded", () => {
  const transport = { id: "t", type: "transport", selectedCandidatePairId: "p" };
  assert.deepEqual(selectedPath([OTHER, PAIR, transport, LOCAL, REMOTE]), EXPECTED);
  assert.deepEqual(selectedPath([OTHER, { ...PAIR, selected: true }, LOCAL, REMOTE]), EXPECTED, "Firefox");
  assert.equal(selectedPath([OTHER, LOCAL, REMOTE])?.local, "relay", "nothing better known");
  assert.equal(selectedPath([PAIR, LOCAL, REMOTE]), null);
  assert.equal(selectedPath([]), null);
});

test("loading tells true bytes, then what it waits for", () => {
  assert.deepEqual(describe({ kind: "progress", step: "bytes", done: 6.7e6, total: 13.4e6 }), {
    share: 0.425,
    words: "6.7 of 13.4 MB",
  });
  assert.equal(describe({ kind: "progress", step: "bytes", done: 5, total: 0 }).share, 0);
  assert.ok(describe({ kind: "progress", step: "bytes", done: 9, total: 5 }).share <= 0.85);
  assert.equal(describe({ kind: "progress", step: "python", done: 5, total: 5 }).words, "Starting Python …");
  assert.equal(describe({ kind: "progress", step: "ready", done: 5, total: 5 }).share, 1);
});

test("figures are words that people read", () => {
  assert.deepEqual(wordsOf({ rtt_us: 1234, rollback_depth: 1, path: "direct", frames_behind: 0 }), {
    rtt: "1.2 ms",
    depth: "1",
    path: "direct",
    behind: "0",
  });
  assert.equal(wordsOf({ rtt_us: null, rollback_depth: 3, path: "none", frames_behind: 2 }).rtt, "–");
  assert.equal(wordsOf({ rtt_us: 104_600, rollback_depth: 3, path: "none", frames_behind: 2 }).rtt, "105 ms");
});

test("browsers are told apart although each claims to be several", () => {
  const webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
  const cases = [
    [`Mozilla/5.0 (X11; Linux x86_64) ${webkit} Chrome/156.0.0.0 Safari/537.36`, "Chrome 156", "Linux"],
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/150.0 Safari/537.36 Edg/150.1`,
      "Edge 150",
      "Windows",
    ],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", "Firefox 153", "Linux"],
    [
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
      "Safari 26",
      "macOS",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
      "Safari 18",
      "iOS",
    ],
    ["curl/8", "other", "other"],
  ];
  for (const [agent, browser, platform] of cases) assert.deepEqual(readAgent(agent), { browser, platform });
});
