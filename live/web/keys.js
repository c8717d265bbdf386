// @ts-check
// Keyboard and touch: which buttons are down. What they mean is Python's business.

/** @typedef {import("./protocol.js").Button} Button */
/** @typedef {(button: number, isDown: boolean, atMs: number) => void} Pressed */

/** A button is down while any of its keys or fingers is: a pure counter of sources. */
export class HeldButtons {
  /** @param {Pressed} pressed */
  constructor(pressed) {
    this.pressed = pressed;
    /** @type {Map<string, number>} */
    this.bySource = new Map();
  }

  /** @param {string} source @param {number} button @param {number} atMs */
  down(source, button, atMs) {
    if (this.bySource.has(source)) return;
    const isFirst = !this.isHeld(button);
    this.bySource.set(source, button);
    if (isFirst) this.pressed(button, true, atMs);
  }

  /** @param {string} source @param {number} atMs */
  up(source, atMs) {
    const button = this.bySource.get(source);
    if (button === undefined) return;
    this.bySource.delete(source);
    if (!this.isHeld(button)) this.pressed(button, false, atMs);
  }

  clear() {
    this.bySource.clear();
  }

  /** @param {number} button */
  isHeld(button) {
    return [...this.bySource.values()].includes(button);
  }
}

/** Index of the button that a key presses, -1 if none. @param {Button[]} buttons @param {string} code */
export const buttonOf = (buttons, code) => buttons.findIndex((button) => button.codes.includes(code));

/** A control that wants its keys for itself. @param {EventTarget | null} target */
const isControl = (target) =>
  target instanceof HTMLElement && target.matches("button, input, textarea, select, a");

/**
 * @param {HTMLElement} bar where the touch buttons go
 * @param {{key: Pressed, release: () => void}} report
 */
export function mountKeys(bar, report) {
  /** @type {Button[]} */
  let buttons = [];
  const held = new HeldButtons(report.key);

  window.addEventListener("keydown", (event) => {
    const button = buttonOf(buttons, event.code);
    if (button < 0 || event.ctrlKey || event.altKey || event.metaKey || isControl(event.target)) return;
    event.preventDefault(); // arrows and space would scroll
    if (!event.repeat) held.down(event.code, button, event.timeStamp);
  });
  window.addEventListener("keyup", (event) => held.up(event.code, event.timeStamp));

  const releaseAll = () => {
    held.clear();
    report.release();
  };
  // The releases that follow are not ours to see.
  window.addEventListener("blur", releaseAll);
  document.addEventListener("visibilitychange", releaseAll);

  /** @param {Button} button @param {number} index */
  const touchButton = (button, index) => {
    const element = document.createElement("button");
    element.type = "button";
    element.className = "touch";
    element.textContent = button.name;
    element.tabIndex = -1; // the keyboard has its own way in
    const source = (/** @type {PointerEvent} */ event) => `pointer ${event.pointerId}`;
    element.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      held.down(source(event), index, event.timeStamp);
    });
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      element.addEventListener(end, (event) => held.up(source(event), event.timeStamp));
    }
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    return element;
  };

  return {
    /** @param {Button[]} next */
    use(next) {
      releaseAll();
      buttons = next;
      bar.replaceChildren(...next.map(touchButton));
    },
  };
}
