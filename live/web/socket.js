// @ts-check
// The WebSocket to the server, opened again whenever it closes.

export const FIRST_DELAY_MS = 250; // a server that restarts is back within a second
export const GONE_CODE = 4000; // says that this page goes away for good
export const LAST_DELAY_MS = 4000; // a server that is down is not hammered, and found soon when it is up

/** The wait after one of `delayMs` that did not help. @param {number} delayMs */
export const nextDelayMs = (delayMs) => Math.min(delayMs * 2, LAST_DELAY_MS);

/**
 * @typedef {object} Handlers
 * @property {(isOpen: boolean) => void} server
 * @property {() => void} failed it could not be opened; another try follows
 * @property {(text: string) => void} text
 * @property {(data: Uint8Array<ArrayBuffer>) => void} relayed
 */

/** @param {string} url @param {Handlers} handlers */
export function openSocket(url, handlers) {
  let delayMs = FIRST_DELAY_MS;
  let isStopped = false;
  let timer = 0;
  /** @type {WebSocket} */
  let socket;

  const open = () => {
    socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      delayMs = FIRST_DELAY_MS;
      handlers.server(true);
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") handlers.text(data);
      else handlers.relayed(new Uint8Array(data));
    };
    socket.onclose = () => {
      if (wasOpen) handlers.server(false);
      else handlers.failed();
      if (isStopped) return;
      timer = window.setTimeout(open, delayMs);
      delayMs = nextDelayMs(delayMs);
    };
  };
  open();

  return {
    /** @param {string | Uint8Array<ArrayBuffer>} data */
    send(data) {
      if (socket.readyState === WebSocket.OPEN) socket.send(data);
    },
    /** For good: this page opens none again. */
    stop() {
      isStopped = true;
      clearTimeout(timer);
      socket.close(GONE_CODE);
    },
  };
}
