// @ts-check
// Who the player is and what the keys do: large before play, small below it.

import { element, make } from "./dom.js";

/** @typedef {import("./protocol.js").Controls} Controls */
/** @typedef {import("./protocol.js").Button} Button */

/** @param {string} colour */
function dot(colour) {
  const mark = make("span", { className: "dot" });
  mark.style.backgroundColor = colour;
  return mark;
}

/** @param {Controls} controls */
const seats = (controls) =>
  make(
    "span",
    { className: "seats" },
    ...controls.seats.map((seat) => dot(seat.colour)),
    make("strong", { text: controls.title }),
  );

/** @param {Button} button */
const key = (button) =>
  make("li", {}, make("kbd", { text: button.label }), make("span", { text: button.name }));

/** @param {Controls} controls */
export const seatCard = (controls) => [
  ...(controls.title ? [seats(controls)] : []), // before there is a seat, only what the keys will be
  make("ul", { className: "keys" }, ...controls.buttons.map(key)),
];

export function mountLegend() {
  const footer = element("controls", HTMLElement);
  const seat = element("seat", HTMLParagraphElement);
  const legend = element("legend", HTMLUListElement);
  return {
    /** @param {Controls} controls */
    use(controls) {
      seat.replaceChildren(seats(controls));
      legend.replaceChildren(...controls.buttons.map(key));
    },
    /** It keeps its place when it is not shown, so that the picture keeps its size. @param {boolean} isShown */
    show(isShown) {
      footer.style.visibility = isShown ? "visible" : "hidden";
    },
  };
}
