/** What the browser keeps for this page. Where it keeps nothing (a private window may refuse), it lasts until the page closes. */

const PREFIX = "cloudnode.";
/** @type {Map<string, string>} */
const kept = new Map();

/** @param {string} name @returns {string | null} */
export function recall(name) {
  try {
    return localStorage.getItem(PREFIX + name) ?? kept.get(name) ?? null;
  } catch {
    return kept.get(name) ?? null;
  }
}

/** @param {string} name @param {string | null} value Null forgets. @returns {boolean} Whether it outlasts the page. */
export function remember(name, value) {
  if (value === null) kept.delete(name);
  else kept.set(name, value);
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
    return true;
  } catch {
    return false;
  }
}
