// @ts-check
// The one dialog: one sentence, one reason, one thing to do.

import { element, setText } from "./dom.js";
import { seatCard } from "./legend.js";

/** @typedef {import("./protocol.js").Notice} Notice */
/** @typedef {import("./protocol.js").Controls} Controls */
/** @typedef {import("./protocol.js").Command} Command */

/** @param {(command: Command) => void} report */
export function mountOverlay(report) {
  const dialog = element("overlay", HTMLDialogElement);
  const title = element("overlay-title", HTMLHeadingElement);
  const reason = element("overlay-reason", HTMLParagraphElement);
  const todo = element("overlay-todo", HTMLParagraphElement);
  const count = element("overlay-count", HTMLParagraphElement);
  const seat = element("overlay-seat", HTMLDivElement);
  const button = element("overlay-button", HTMLButtonElement);
  const code = element("overlay-code", HTMLParagraphElement);
  const codeValue = element("overlay-code-value", HTMLElement);
  /** @type {Command | null} */
  let command = null;
  /** @type {Controls | null} */
  let shownSeat = null;

  dialog.addEventListener("cancel", (event) => event.preventDefault()); // Escape answers nothing
  button.addEventListener("click", () => {
    if (command) report(command);
    button.disabled = true; // until the next notice: asked once is asked
  });

  /** @param {HTMLElement} target @param {string} text */
  const fill = (target, text) => {
    setText(target, text);
    target.hidden = !text;
  };

  /** @param {Notice} notice */
  const setButton = (notice) => {
    const label = notice.button?.label ?? "";
    if (button.textContent !== label) button.disabled = false;
    const wasHidden = button.hidden;
    fill(button, label);
    command = notice.button?.command ?? null;
    if (label && wasHidden) button.focus();
  };

  return {
    /** @param {Notice} notice @param {number | null} countdown @param {Controls | null} controls */
    show(notice, countdown, controls) {
      fill(title, notice.title);
      fill(reason, notice.reason);
      fill(todo, notice.todo);
      fill(count, countdown === null ? "" : String(countdown));
      setText(codeValue, notice.code ?? "");
      code.hidden = !notice.code;
      if (controls !== shownSeat) seat.replaceChildren(...(controls ? seatCard(controls) : []));
      shownSeat = controls;
      seat.hidden = !controls;
      if (!dialog.open) {
        dialog.showModal();
        title.focus();
      }
      setButton(notice);
    },
    hide() {
      if (dialog.open) dialog.close();
      button.hidden = true;
    },
  };
}
