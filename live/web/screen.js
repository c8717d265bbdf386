// @ts-check
// Everything that is seen, from the worker's views: picture, dialog, legend, figures, loading.

import { mountHud } from "./hud.js";
import { mountLegend } from "./legend.js";
import { mountLoading } from "./loading.js";
import { mountOverlay } from "./overlay.js";
import { mountPicture } from "./picture.js";

/** @typedef {import("./protocol.js").Controls} Controls */
/** @typedef {import("./protocol.js").Notice} Notice */
/** @typedef {import("./protocol.js").View} View */

/** @type {Notice} */
const GET_READY = { title: "Get ready", reason: "", todo: "" };

/** What a page says of its own failure; the rest it is told. @param {string} code @param {boolean} isLoaded @returns {Notice} */
const failure = (code, isLoaded) => ({
  title: isLoaded ? "The game has stopped" : "The game could not be loaded",
  reason: isLoaded
    ? "Something went wrong on this page. What you did up to the last moment is on the server."
    : "Your browser or your connection did not let all of it through.",
  todo: "Reload the page. If this comes again, use a current Chrome, Edge, Firefox or Safari.",
  code,
  button: { label: "Reload", command: "reload" },
});

/**
 * @param {{command: (command: import("./protocol.js").Command) => void,
 *   drawn: (serial: number, atMs: number) => void}} report
 */
export function mountScreen(report) {
  const { dataset } = document.body;
  const loading = mountLoading();
  const legend = mountLegend();
  const hud = mountHud();
  const overlay = mountOverlay(report.command);
  const picture = mountPicture(report.drawn);
  /** @type {Controls | null} */
  let controls = null;
  let isHudWanted = false;
  let isLoaded = false;

  /** @param {View} view */
  const showNotice = (view) => {
    const isAsked = view.overlay?.button?.command === "ready";
    const isBeforePlay = view.countdown !== null || view.screen === "waiting" || isAsked;
    const notice = view.overlay ?? (isBeforePlay ? GET_READY : null);
    if (notice) overlay.show(notice, view.countdown, isBeforePlay ? controls : null);
    else overlay.hide();
  };

  return {
    loading,
    /** @param {View} view */
    show(view) {
      if (view.options) {
        picture.use(view.options);
        isHudWanted = view.options.show_hud ?? false;
      }
      if (view.controls) {
        controls = view.controls;
        legend.use(controls);
        picture.describe(`The game. ${controls.title}`);
      }
      dataset.screen = view.screen;
      dataset.path = view.hud.path;
      isLoaded ||= view.screen !== "loading";
      if (isLoaded) loading.hide();
      legend.show(view.screen === "playing");
      hud.show(isHudWanted && view.screen === "playing" ? view.hud : null);
      showNotice(view);
      picture.show(view);
    },
    /** @param {string} code */
    fail(code) {
      dataset.screen = "error";
      loading.hide();
      overlay.show(failure(code, isLoaded), null, null);
    },
  };
}
