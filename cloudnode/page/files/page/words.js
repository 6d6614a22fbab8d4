/** Numbers, times and names as people read them. Pure. */

const NUMBER = new Intl.NumberFormat("en");

/** @param {number | bigint | null | undefined} value */
export function number(value) {
  return value === null || value === undefined ? "unknown" : NUMBER.format(value);
}

/** A count with its noun. @param {number} value @param {string} one @param {string} [many] */
export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** The beginning of a key or hash. @param {string} hex @param {number} [digits] */
export function short(hex, digits = 8) {
  return hex.length > digits ? hex.slice(0, digits) : hex;
}

/** A duration. @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return count(Math.round(seconds / 86_400), "day");
}

/** How long ago. @param {number} seconds Since 1970. @param {number} [now] Likewise. */
export function ago(seconds, now = Date.now() / 1000) {
  const passed = now - seconds;
  return passed < 1 ? "just now" : `${duration(passed)} ago`;
}

/** The clock's time of a moment. @param {number} seconds Since 1970. */
export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleString("en-GB", {dateStyle: "medium", timeStyle: "medium"});
}

/** Several things in a sentence. @param {string[]} things */
export function list(things) {
  if (things.length < 2) return things.join("");
  return `${things.slice(0, -1).join(", ")} and ${things.at(-1)}`;
}

/** The average of ratings, or a dash. @param {number} sum @param {number} ratings */
export function average(sum, ratings) {
  return ratings ? (sum / ratings).toFixed(2) : "–";
}
