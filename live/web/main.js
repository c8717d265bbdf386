// @ts-check
// The participant page: composes its parts, and carries values between them and the worker.

import { makeConnections } from "./connections.js";
import { element } from "./dom.js";
import { mountKeys } from "./keys.js";
import { browserLabel } from "./label.js";
import { makeOutbox } from "./outbox.js";
import { mountScreen } from "./screen.js";
import { openSocket } from "./socket.js";

/** @typedef {import("./protocol.js").Effect} Effect */
/** @typedef {import("./protocol.js").Exchange} Exchange */
/** @typedef {import("./protocol.js").ToPage} ToPage */
/** @typedef {ReturnType<typeof makeConnections>} Connections */
/** @typedef {ReturnType<typeof openSocket>} Socket */

const SILENCE_MS = 60_000; // without a byte of progress for so long, loading has failed

const microseconds = (/** @type {number} */ ms) => Math.round(ms * 1000);

/** What the worker starts with. @returns {import("./protocol.js").Start} */
function startMessage() {
  const { buildId = "", python = "", pythonFiles = "", pythonBytes } = document.body.dataset;
  return {
    kind: "start",
    python: new URL(`${python}/`, window.location.href).href,
    sources: new URL(`/py/${buildId}/sources.zip`, window.location.href).href,
    files: pythonFiles.split(" "),
    bytes: Number(pythonBytes),
    buildId,
    // Grows with every load of the page, which tells this participant from its former self.
    incarnation: Math.floor(Date.now() / 1000),
    label: browserLabel(),
    timeOrigin: performance.timeOrigin,
  };
}

/**
 * @param {Effect} effect @param {Uint8Array<ArrayBuffer>[]} blobs
 * @param {Connections} connections @param {Socket | null} socket
 */
function carryOut(effect, blobs, connections, socket) {
  switch (effect[0]) {
    case "text":
      return socket?.send(effect[1]);
    case "relay":
      return socket?.send(blobs[effect[1]]);
    case "direct":
      return connections.send(effect[1], effect[2], blobs[effect[3]]);
    case "connect":
      return connections.connect(effect[1], effect[2], effect[3], effect[4]);
    case "remote-description":
      return connections.describe(effect[1], effect[2], effect[3], effect[4]);
    case "remote-candidate":
      return connections.addCandidate(effect[1], effect[2], effect[3]);
    case "disconnect":
      return connections.disconnect(effect[1], effect[2]);
  }
}

function run() {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const { call, blob } = makeOutbox(worker);
  const connections = makeConnections({
    call,
    direct: (peer, attempt, data) => call(["direct", peer, attempt, blob(data)]),
  });
  const keys = mountKeys(element("touch", HTMLDivElement), {
    key: (button, isDown, atMs) => call(["key", button, isDown, microseconds(atMs)]),
    release: () => call(["release"]),
  });
  const screen = mountScreen({
    command(command) {
      if (command === "reload") window.location.reload();
      else if (command === "ready") call(["ready"]);
      else call(["leave", "the participant chose to leave"]);
    },
    drawn: (serial, atMs) => call(["drawn", serial, microseconds(atMs)]),
  });
  /** @type {Socket | null} */
  let socket = null;
  let silence = 0;

  const closeAll = () => {
    clearTimeout(silence);
    socket?.stop();
    connections.closeAll();
    worker.terminate();
  };
  const fail = (/** @type {string} */ code, /** @type {string} */ detail) => {
    console.error(`sametick ${code}: ${detail}`);
    closeAll();
    screen.fail(code);
  };
  const expectProgress = () => {
    clearTimeout(silence);
    silence = window.setTimeout(() => fail("STALLED", "no progress while loading"), SILENCE_MS);
  };
  const connectToServer = () => {
    const url = new URL("/ws", window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    socket = openSocket(url.href, {
      server: (isOpen) => call(["server", isOpen]),
      failed: () => screen.loading.say("The server does not answer; trying again …"),
      text: (text) => call(["text", text]),
      relayed: (data) => call(["relayed", blob(data)]),
    });
  };
  const receive = (
    /** @type {Exchange} */ { effects, view },
    /** @type {Uint8Array<ArrayBuffer>[]} */ data,
  ) => {
    for (const effect of effects) carryOut(effect, data, connections, socket);
    if (!view) return;
    if (view.controls) keys.use(view.controls.buttons);
    if (view.screen === "error") socket?.stop();
    screen.show(view);
  };

  worker.onmessage = (/** @type {MessageEvent<ToPage>} */ { data }) => {
    if (data.kind === "answer") receive(JSON.parse(data.text), data.blobs);
    else if (data.kind === "failed") fail(data.code, data.detail);
    else {
      screen.loading.show(data);
      expectProgress();
      if (data.step === "ready") {
        clearTimeout(silence);
        connectToServer();
      }
    }
  };
  worker.onerror = (event) => fail("WORKER", event.message ?? "worker.js did not load");

  const tellFocus = () => call(["focus", !document.hidden]);
  document.addEventListener("visibilitychange", tellFocus);
  // Closing at once tells server and partner at once. A page brought back from the cache begins anew.
  window.addEventListener("pagehide", closeAll);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  expectProgress();
  worker.postMessage(startMessage());
  tellFocus();
}

run();
