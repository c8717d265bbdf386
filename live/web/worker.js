// @ts-check
// The participant's host: Pyodide, the timer that drives ticks, and one exchange with Python per wake.

/** @typedef {import("./protocol.js").ToPage} ToPage */
/** @typedef {import("./protocol.js").Start} Start */
/** @typedef {import("./protocol.js").Calls} Calls */
/** @typedef {(nowUs: number, calls: string, blobs: any) => any} ExchangeFunction */

/** @param {ToPage} message @param {Transferable[]} [transfer] */
const tell = (message, transfer = []) => self.postMessage(message, { transfer });

/**
 * Reads files into the HTTP cache, counting; Pyodide then finds them there.
 * @param {string[]} urls @param {number} total
 */
async function fetchCounting(urls, total) {
  let done = 0;
  const fetchOne = async (/** @type {string} */ url) => {
    const response = await fetch(url);
    if (!response.ok || !response.body) throw new Error(`${url}: HTTP ${response.status}`);
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      done += part.value.length;
      tell({ kind: "progress", step: "bytes", done, total });
    }
  };
  await Promise.all(urls.map(fetchOne));
}

/** @param {Start} start @returns {Promise<{python: any, exchange: ExchangeFunction, nowUs: () => number}>} */
async function boot(start) {
  const sources = fetch(start.sources).then((response) => {
    if (!response.ok) throw new Error(`${start.sources}: HTTP ${response.status}`);
    return response.arrayBuffer();
  });
  sources.catch(() => {}); // awaited below: until then it is nobody's unhandled rejection
  await fetchCounting(
    start.files.map((file) => start.python + file),
    start.bytes,
  );
  tell({ kind: "progress", step: "python", done: start.bytes, total: start.bytes });
  const { loadPyodide } = await import(`${start.python}pyodide.mjs`);
  const python = await loadPyodide({ indexURL: start.python });
  python.unpackArchive(new Uint8Array(await sources), "zip", { extractDir: "/sametick" });
  python.runPython("import sys; sys.path.insert(0, '/sametick')");
  const offsetMs = performance.timeOrigin - start.timeOrigin;
  const nowUs = () => Math.floor((performance.now() + offsetMs) * 1000);
  const entry = python.pyimport("live.client.browser");
  const browser = entry.start(start.incarnation, start.buildId, JSON.stringify(start.label), nowUs);
  tell({ kind: "progress", step: "ready", done: start.bytes, total: start.bytes });
  return { python, exchange: browser.exchange, nowUs };
}

/** @param {{python: any, exchange: ExchangeFunction, nowUs: () => number}} host */
function drive({ python, exchange, nowUs }) {
  let wakeUs = Number.POSITIVE_INFINITY;
  let timer = 0;
  const noBlobs = python.toPy([]);

  /** @param {import("./protocol.js").Call[]} calls @param {Uint8Array[]} blobs */
  const run = (calls, blobs) => {
    const given = blobs.length ? python.toPy(blobs) : noBlobs;
    const proxy = exchange(nowUs(), calls.length ? JSON.stringify(calls) : "", given);
    const [nextUs, text, ...out] = proxy.toJs();
    proxy.destroy();
    if (blobs.length) given.destroy();
    if (text)
      tell(
        { kind: "answer", text, blobs: out },
        out.map((/** @type {Uint8Array} */ blob) => blob.buffer),
      );
    if (nextUs !== wakeUs) {
      wakeUs = nextUs;
      arm();
    }
  };

  // Self-correcting: each delay is measured from the clock to a deadline that Python states absolutely.
  // Rounded up, because a timer that comes early would have to be set again.
  const arm = () => {
    clearTimeout(timer);
    timer = setTimeout(wake, Math.max(0, Math.ceil((wakeUs - nowUs()) / 1000)));
  };
  const wake = () => {
    if (nowUs() < wakeUs) arm();
    else guard(() => run([], []));
  };

  self.onmessage = ({ data }) => guard(() => run(data.calls, data.blobs));
  guard(() => run([], []));
}

/** @param {() => void} action */
function guard(action) {
  try {
    action();
  } catch (error) {
    fail("PYTHON", error);
  }
}

/** @param {string} code @param {unknown} error */
function fail(code, error) {
  self.onmessage = null;
  tell({ kind: "failed", code, detail: error instanceof Error ? error.message : String(error) });
  self.close();
}

/** @type {Calls[]} */
const early = [];
self.onmessage = ({ data }) => {
  if (data.kind === "calls") {
    early.push(data); // said while Python starts
    return;
  }
  boot(data).then(
    (host) => {
      drive(host);
      for (const each of early) self.onmessage?.(new MessageEvent("message", { data: each }));
    },
    (error) => fail("LOAD", error),
  );
};
