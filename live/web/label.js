// @ts-check
// What is recorded of the browser: the family and main version, nothing that tells one person from another.

/** Most specific first: every browser claims to be several others. @type {[string, RegExp][]} */
const FAMILIES = [
  ["Edge", /Edg\/(\d+)/],
  ["Opera", /OPR\/(\d+)/],
  ["Firefox", /Firefox\/(\d+)/],
  ["Chrome", /(?:Chrome|CriOS)\/(\d+)/],
  ["Safari", /Version\/(\d+).*Safari/],
];
/** @type {[string, RegExp][]} */
const PLATFORMS = [
  ["iOS", /iPhone|iPad/],
  ["Android", /Android/],
  ["Windows", /Windows/],
  ["macOS", /Mac OS X/],
  ["ChromeOS", /CrOS/],
  ["Linux", /Linux/],
];

/** @param {string} agent @returns {{browser: string, platform: string}} */
export function readAgent(agent) {
  const platform = PLATFORMS.find(([, pattern]) => pattern.test(agent))?.[0] ?? "other";
  for (const [family, pattern] of FAMILIES) {
    const version = pattern.exec(agent)?.[1];
    if (version) return { browser: `${family} ${version}`, platform };
  }
  return { browser: "other", platform };
}

/** @returns {import("./protocol.js").Label} */
export function browserLabel() {
  const density = Math.round(window.devicePixelRatio * 100) / 100;
  return {
    ...readAgent(navigator.userAgent),
    screen: `${window.innerWidth}x${window.innerHeight}@${density}`,
  };
}
