// @ts-check
// Paints display lists (kinds and rules: scenarios/games/drawing.py), sharp on any screen.

/** @typedef {import("./protocol.js").DrawItem} DrawItem */

/**
 * The largest picture of a stage's shape within a box, in CSS pixels, and the canvas's size in device pixels.
 * @param {{width: number, height: number}} stage
 * @param {{width: number, height: number}} box
 * @param {number} density device pixels per CSS pixel
 */
export function fit(stage, box, density) {
  const scale = Math.max(0, Math.min(box.width / stage.width, box.height / stage.height));
  const width = Math.floor(stage.width * scale * density);
  const height = Math.floor(stage.height * scale * density);
  return {
    width,
    height,
    cssWidth: width / density,
    cssHeight: height / density,
    scale: width / stage.width,
  };
}

/** The stage of a display list: its first item. @param {DrawItem[]} items */
export function stageOf(items) {
  const [kind, , , width, height] = items[0] ?? [];
  return kind === "rect" ? { width: Number(width), height: Number(height) } : null;
}

/** @type {Record<string, (context: CanvasRenderingContext2D, values: any[]) => void>} */
const PAINTERS = {
  rect(context, [x, y, width, height, colour]) {
    context.fillStyle = colour;
    context.fillRect(x, y, width, height);
  },
  circle(context, [x, y, radius, colour]) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  },
  "half-circle"(context, [x, y, radius, colour]) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, Math.PI, 2 * Math.PI);
    context.fill();
  },
  line(context, [x1, y1, x2, y2, width, colour]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  },
  text(context, [x, y, size, string, colour]) {
    context.fillStyle = colour;
    context.font = `600 ${size}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(string, x, y);
  },
};

/** @param {CanvasRenderingContext2D} context @param {DrawItem[]} items @param {number} scale */
export function paint(context, items, scale) {
  context.setTransform(scale, 0, 0, scale, 0, 0);
  for (const [kind, ...values] of items) PAINTERS[kind]?.(context, values);
}

/** @param {HTMLCanvasElement} canvas in a box that decides how large it may be */
export function mountCanvas(canvas) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  const box = /** @type {HTMLElement} */ (canvas.parentElement);
  let size = "";
  return {
    /** @param {DrawItem[]} items */
    paint(items) {
      const stage = stageOf(items);
      if (!stage) return;
      const room = { width: box.clientWidth, height: box.clientHeight };
      const layout = fit(stage, room, window.devicePixelRatio || 1);
      const wanted = `${layout.width}x${layout.height}/${layout.cssWidth}`;
      if (wanted !== size) {
        // Setting the size clears the picture, so only when it is another.
        size = wanted;
        canvas.width = layout.width;
        canvas.height = layout.height;
        canvas.style.width = `${layout.cssWidth}px`;
        canvas.style.height = `${layout.cssHeight}px`;
      }
      paint(context, items, layout.scale);
    },
  };
}
