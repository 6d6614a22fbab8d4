/**
 * Elements made of text, never of markup: nothing that a record holds can become an element, a handler or a URL.
 *
 * Parts of the page that change are made anew and laid over what is there (`show`), so that focus, selection and the
 * reader's place stay. Children match by their key where they have one, else by their order.
 */

const SVG = "http://www.w3.org/2000/svg";

/** Links lead within the page, or to what the page itself names; `javascript:` and its kind never get here. */
const LINK = /^(#|https?:\/\/|[a-z][a-z.-]*$)/;

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Record<string, any>} [props] Attributes; `on…` are functions, `key` matches it when it is shown again, and
 *   null or false leave an attribute out.
 * @param {...(Node | string | number | null | undefined | false | Array<any>)} children Strings become text.
 * @returns {any} An element; its kind is the tag's.
 */
export function el(tag, props = {}, ...children) {
  return build(document.createElement(tag), props, children);
}

/** The same for SVG. @param {string} tag @param {Record<string, any>} [props] @param {...any} children */
export function svg(tag, props = {}, ...children) {
  return build(document.createElementNS(SVG, tag), props, children);
}

/** @param {any} element @param {Record<string, any>} props @param {any[]} children */
function build(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "key") element.cloudKey = value;
    else if (name.startsWith("on")) element[name] = value;
    else if (name === "href" && !LINK.test(value)) throw new TypeError(`no link leads to ${value}`);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(9).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

const HANDLERS = ["onclick", "onsubmit", "oninput", "onchange", "onkeydown"];

/**
 * Have a container show these children, and change only what differs.
 *
 * @param {Element} container
 * @param {...(Node | string | null | undefined | false | Array<any>)} children
 */
export function show(container, ...children) {
  const wanted = document.createDocumentFragment();
  wanted.append(...children.flat(9).filter((each) => each !== null && each !== undefined && each !== false));
  morphChildren(container, wanted);
}

/** @param {any} there @param {any} wanted */
function morphChildren(there, wanted) {
  const keyed = new Map();
  for (const child of there.childNodes) if (child.cloudKey !== undefined) keyed.set(child.cloudKey, child);
  let next = there.firstChild;
  for (const child of [...wanted.childNodes]) {
    const known = child.cloudKey === undefined ? null : keyed.get(child.cloudKey);
    if (known) {
      if (known !== next) there.insertBefore(known, next);
      else next = next.nextSibling;
      morph(known, child);
    } else if (next && next.cloudKey === undefined && child.cloudKey === undefined && isAlike(next, child)) {
      const current = next;
      next = next.nextSibling;
      morph(current, child);
    } else {
      there.insertBefore(child, next);
    }
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
}

/** @param {any} one @param {any} other */
function isAlike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName;
}

/** @param {any} there @param {any} wanted */
function morph(there, wanted) {
  if (!isAlike(there, wanted)) {
    there.replaceWith(wanted);
    return;
  }
  if (there.nodeType !== Node.ELEMENT_NODE) {
    if (there.data !== wanted.data) there.data = wanted.data;
    return;
  }
  for (const {name} of [...there.attributes]) if (!wanted.hasAttribute(name)) there.removeAttribute(name);
  for (const {name, value} of wanted.attributes) {
    if (there.getAttribute(name) !== value) there.setAttribute(name, value);
  }
  for (const name of HANDLERS) there[name] = wanted[name] ?? null;
  if ("checked" in there && there.type === "radio") there.checked = wanted.checked;
  morphChildren(there, wanted);
}

/** An element of the page by its id. @param {string} id @returns {any} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

let announced = "";

/** Have a screen reader say something, once. @param {string} text */
export function announce(text) {
  if (text === announced) return;
  announced = text;
  byId("announcements").textContent = text;
}
