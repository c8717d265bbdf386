// @ts-check
// Typed access to the page's elements; text goes in as text, never as markup.

/**
 * The element with this id, of this class; its absence is a mistake in index.html.
 * @template {HTMLElement} T
 * @param {string} id @param {new () => T} kind @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return found;
}

/** Says so only when it changed, so that screen readers are not told twice. @param {Element} target @param {string} text */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * @param {string} tag @param {{className?: string, text?: string}} [options]
 * @param {...Node} children
 */
export function make(tag, { className = "", text = "" } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}
