/** What authors wrote, as text that can't pass for anything else. Pure. */

/** Characters that control, hide or reorder what is around them. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/**
 * Text with what can't be seen made visible, and not longer than so many characters.
 *
 * @param {unknown} value Anything that JSON can hold. @param {number} [most]
 */
export function plainText(value, most = 300) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  const shown = text.slice(0, most).replace(UNSEEN, "\ufffd");
  return text.length > most ? `${shown} …` : shown;
}

/** The name of a record: its title or name if its author gave one, else its key. @param {{key: string, data: any}} record */
export function recordTitle({key, data}) {
  const given = isObject(data) ? [data.title, data.name].find((each) => typeof each === "string" && each.trim()) : null;
  return plainText(given ?? key, 160);
}

/** Some more words about it: its year and genres or tags, if it has such. @param {{data: any}} record */
export function recordWords({data}) {
  if (!isObject(data)) return "";
  const words = [data.year, ...(Array.isArray(data.genres) ? data.genres : [])];
  return words.filter((each) => typeof each === "string" || typeof each === "number").slice(0, 8)
    .map((each) => plainText(String(each), 40)).join(" · ");
}

/** The members of its data as pairs of texts, if it has such. @param {unknown} data @returns {[string, string][]} */
export function members(data) {
  if (!isObject(data)) return [];
  return Object.entries(data).slice(0, 24).map(([name, value]) => {
    const isList = Array.isArray(value) && value.every((each) => typeof each === "string" || typeof each === "number");
    return [plainText(name, 60), isList ? plainText(value.join(", "), 500) : plainText(value, 500)];
  });
}

/** @param {unknown} value @returns {value is Record<string, any>} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
