// @ts-check
// What page and worker say to each other, as types. Times are microseconds since the page's timeOrigin.

/**
 * One door of the participant and its values; bytes are named by their index among the message's blobs.
 * @typedef {["server", boolean] | ["text", string] | ["relayed", number] | ["direct", number, number, number]
 *   | ["channel", number, number, boolean] | ["description", number, number, string, string]
 *   | ["candidate", number, number, Candidate | null] | ["info", number, number, PathInfo]
 *   | ["key", number, boolean, number] | ["release"] | ["focus", boolean] | ["ready"] | ["leave", string]
 *   | ["drawn", number, number]} Call
 */

/**
 * What the participant wants done, in order.
 * @typedef {["text", string] | ["relay", number] | ["direct", number, number, number]
 *   | ["connect", number, number, boolean, Ice] | ["remote-description", number, number, string, string]
 *   | ["remote-candidate", number, number, Candidate | null] | ["disconnect", number, number]} Effect
 */

/** @typedef {{candidate: string, sdpMid: string | null, sdpMLineIndex: number | null}} Candidate */
/** @typedef {{servers: RTCIceServer[], policy: RTCIceTransportPolicy}} Ice */
/** @typedef {{local: string, remote: string, protocol: string, is_turn: boolean, rtt_us: number}} PathInfo */

/**
 * A shape of a display list, as in scenarios/games/drawing.py.
 * @typedef {[string, ...(number | string)[]]} DrawItem
 */

/** @typedef {"ready" | "leave" | "reload"} Command */
/**
 * @typedef {{title: string, reason: string, todo: string, code?: string,
 *   button?: {label: string, command: Command} | null}} Notice
 */
/** @typedef {{rtt_us: number | null, rollback_depth: number, path: string, frames_behind: number}} Hud */
/** @typedef {{label: string, name: string, codes: string[]}} Button */
/** @typedef {{buttons: Button[], seats: {name: string, colour: string}[], title: string}} Controls */
/** @typedef {{show_hud?: boolean, smoothing_us?: number}} Options */

/**
 * What the page shows.
 * @typedef {{serial: number, screen: "loading" | "waiting" | "playing" | "ended" | "error", overlay: Notice | null,
 *   draw: DrawItem[], corrected: boolean, timed: boolean, frame: number, countdown: number | null, me: number[], hud: Hud,
 *   controls?: Controls, options?: Options}} View
 */

/** @typedef {{kind: "start", python: string, files: string[], sources: string, bytes: number,
 *   buildId: string, incarnation: number, label: Label, timeOrigin: number}} Start */
/** @typedef {{browser: string, platform: string, screen: string}} Label */
/** @typedef {{kind: "calls", calls: Call[], blobs: Uint8Array<ArrayBuffer>[]}} Calls */
/** @typedef {Start | Calls} ToWorker */

/** @typedef {{kind: "progress", done: number, total: number, step: "bytes" | "python" | "ready"}} Progress */
/** @typedef {{kind: "answer", text: string, blobs: Uint8Array<ArrayBuffer>[]}} Answer */
/** @typedef {{kind: "failed", code: string, detail: string}} Failed */
/** @typedef {Progress | Answer | Failed} ToPage */

/** What an answer's text holds. @typedef {{effects: Effect[], view?: View}} Exchange */

export {};
