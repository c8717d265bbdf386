// @ts-check
// The participant page: composes its parts and carries values between them and the worker.

import { mountCanvas } from "./canvas.js";
import { makeConnections } from "./connections.js";
import { element } from "./dom.js";
import { mountHud } from "./hud.js";
import { mountKeys } from "./keys.js";
import { browserLabel } from "./label.js";
import { mountLegend } from "./legend.js";
import { mountLoading } from "./loading.js";
import { mountOverlay } from "./overlay.js";
import { Smoother } from "./smoothing.js";
import { openSocket } from "./socket.js";

/** @typedef {import("./protocol.js").Call} Call */
/** @typedef {import("./protocol.js").Controls} Controls */
/** @typedef {import("./protocol.js").Effect} Effect */
/** @typedef {import("./protocol.js").Notice} Notice */
/** @typedef {import("./protocol.js").View} View */

const SILENCE_MS = 60_000; // without a byte of progress for so long, loading has failed
const SMOOTHING_US = 100_000; // where the study says nothing: long enough to soothe, too short to mislead

const microseconds = (/** @type {number} */ ms) => Math.round(ms * 1000);

function run() {
  const body = document.body;
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  /** @type {Call[]} */
  let calls = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  let blobs = [];

  // All that happens in one task goes to the worker in one message.
  const send = () => {
    if (!calls.length) return;
    worker.postMessage(
      { kind: "calls", calls, blobs },
      blobs.map((blob) => blob.buffer),
    );
    calls = [];
    blobs = [];
  };
  const call = (/** @type {Call} */ next) => {
    if (!calls.length) queueMicrotask(send);
    calls.push(next);
  };
  const blob = (/** @type {Uint8Array<ArrayBuffer>} */ data) => blobs.push(data) - 1;

  const loading = mountLoading();
  const legend = mountLegend();
  const hud = mountHud();
  const overlay = mountOverlay((command) => {
    if (command === "reload") window.location.reload();
    else if (command === "ready") call(["ready"]);
    else call(["leave", "the participant chose to leave"]);
  });
  const picture = element("picture", HTMLCanvasElement);
  const canvas = mountCanvas(picture);
  const keys = mountKeys(element("touch", HTMLDivElement), {
    key: (button, isDown, atMs) => call(["key", button, isDown, microseconds(atMs)]),
    release: () => call(["release"]),
  });
  const connections = makeConnections({
    call,
    direct: (peer, attempt, data) => call(["direct", peer, attempt, blob(data)]),
  });
  /** @type {ReturnType<typeof openSocket> | null} */
  let socket = null;

  const connectToServer = () => {
    const url = new URL("/ws", window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    socket = openSocket(url.href, {
      server: (isOpen) => call(["server", isOpen]),
      failed: () => loading.say("The server does not answer; trying again …"),
      text: (text) => call(["text", text]),
      relayed: (data) => call(["relayed", blob(data)]),
    });
  };

  /** @param {Effect} effect @param {Uint8Array<ArrayBuffer>[]} data */
  const carryOut = (effect, data) => {
    switch (effect[0]) {
      case "text":
        return socket?.send(effect[1]);
      case "relay":
        return socket?.send(data[effect[1]]);
      case "direct":
        return connections.send(effect[1], effect[2], data[effect[3]]);
      case "connect":
        return connections.connect(effect[1], effect[2], effect[3], effect[4]);
      case "remote-description":
        return connections.describe(effect[1], effect[2], effect[3], effect[4]);
      case "remote-candidate":
        return connections.addCandidate(effect[1], effect[2], effect[3]);
      case "disconnect":
        return connections.disconnect(effect[1], effect[2]);
    }
  };

  // What is shown.
  const stillness = window.matchMedia("(prefers-reduced-motion: reduce)");
  let smoother = new Smoother(0);
  /** @type {Controls | null} */
  let controls = null;
  let isHudWanted = false;
  /** @type {View | null} */
  let view = null;
  let isTimed = false; // the worker wants to know when this picture is on the screen
  let isPaintDue = false;

  const paint = () => {
    isPaintDue = false;
    if (!view) return;
    canvas.paint(smoother.shown(performance.now()));
    body.dataset.frame = String(view.frame);
    if (isTimed) call(["drawn", view.serial, microseconds(performance.now())]);
    isTimed = false;
    if (smoother.isGliding) paintSoon();
  };
  const paintSoon = () => {
    if (!isPaintDue) window.requestAnimationFrame(paint);
    isPaintDue = true;
  };

  /** @param {View} next */
  const show = (next) => {
    view = next;
    if (next.options) {
      const smoothingUs = next.options.smoothing_us ?? SMOOTHING_US;
      smoother = new Smoother(smoothingUs / 1000);
      isHudWanted = next.options.show_hud ?? false;
    }
    if (next.controls) {
      controls = next.controls;
      keys.use(controls.buttons);
      legend.use(controls);
      picture.setAttribute("aria-label", `The game. ${controls.title}`);
    }
    body.dataset.screen = next.screen;
    body.dataset.path = next.hud.path;
    if (next.screen !== "loading") loading.hide();
    if (next.screen === "error") socket?.stop();
    isTimed ||= next.timed;
    smoother.receive(next.draw, next.corrected && !stillness.matches, performance.now());
    legend.show(next.screen === "playing");
    hud.show(isHudWanted && next.screen === "playing" ? next.hud : null);
    const isAsked = next.overlay?.button?.command === "ready";
    const isBeforePlay = next.countdown !== null || next.screen === "waiting" || isAsked;
    const notice = next.overlay ?? (isBeforePlay ? { title: "Get ready", reason: "", todo: "" } : null);
    if (notice) overlay.show(notice, next.countdown, isBeforePlay ? controls : null);
    else overlay.hide();
    paintSoon();
  };

  /** @param {string} code @param {string} detail */
  const fail = (code, detail) => {
    clearTimeout(silence);
    console.error(`sametick ${code}: ${detail}`);
    socket?.stop();
    connections.closeAll();
    worker.terminate();
    loading.hide();
    body.dataset.screen = "error";
    const isLoading = !view;
    overlay.show(
      {
        title: isLoading ? "The game could not be loaded" : "The game has stopped",
        reason: isLoading
          ? "Your browser or your connection did not let all of it through."
          : "Something went wrong on this page. What you did up to the last moment is on the server.",
        todo: "Reload the page. If this comes again, use a current Chrome, Edge, Firefox or Safari.",
        code,
        button: { label: "Reload", command: "reload" },
      },
      null,
      null,
    );
  };
  let silence = 0;
  const expectProgress = () => {
    clearTimeout(silence);
    silence = window.setTimeout(() => fail("STALLED", "no progress while loading"), SILENCE_MS);
  };

  worker.onmessage = (/** @type {MessageEvent<import("./protocol.js").ToPage>} */ { data }) => {
    switch (data.kind) {
      case "progress":
        loading.show(data);
        if (data.step === "ready") {
          clearTimeout(silence);
          connectToServer();
        } else expectProgress();
        break;
      case "answer": {
        /** @type {import("./protocol.js").Exchange} */
        const exchange = JSON.parse(data.text);
        for (const effect of exchange.effects) carryOut(effect, data.blobs);
        if (exchange.view) show(exchange.view);
        break;
      }
      case "failed":
        fail(data.code, data.detail);
    }
  };
  worker.onerror = (event) => fail("WORKER", event.message ?? "worker.js did not load");

  const tellFocus = () => call(["focus", !document.hidden]);
  document.addEventListener("visibilitychange", tellFocus);
  window.addEventListener("resize", paintSoon);
  // Closing at once tells server and partner at once. A page brought back from the cache begins anew.
  window.addEventListener("pagehide", () => {
    socket?.stop();
    connections.closeAll();
    worker.terminate();
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  expectProgress();
  worker.postMessage({
    kind: "start",
    python: new URL("/py/pyodide/", window.location.href).href,
    sources: new URL(`/py/${body.dataset.buildId}/sources.zip`, window.location.href).href,
    files: (body.dataset.pythonFiles ?? "").split(" "),
    bytes: Number(body.dataset.pythonBytes),
    buildId: body.dataset.buildId ?? "",
    // Grows with every load of the page, which tells this participant from its former self.
    incarnation: Math.floor(Date.now() / 1000),
    label: browserLabel(),
    timeOrigin: performance.timeOrigin,
  });
  tellFocus();
}

run();
