// @ts-check
// What the page has to tell the worker: all that happens in one task goes in one message.

/** @typedef {import("./protocol.js").Call} Call */

/** @param {Worker} worker */
export function makeOutbox(worker) {
  /** @type {Call[]} */
  let calls = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  let blobs = [];

  const send = () => {
    worker.postMessage(
      { kind: "calls", calls, blobs },
      blobs.map((blob) => blob.buffer),
    );
    calls = [];
    blobs = [];
  };

  return {
    /** @param {Call} next */
    call(next) {
      if (!calls.length) queueMicrotask(send);
      calls.push(next);
    },
    /** Adds bytes to the message; gives their index, for a call. @param {Uint8Array<ArrayBuffer>} data */
    blob: (data) => blobs.push(data) - 1,
  };
}
