/**
 * Where nodes stand on the map. Pure, and the same for the same nodes: nothing moves while one looks at it.
 *
 * Validators stand on an inner ring and the others on an outer one; with few nodes one ring has them all. Each ring is
 * ordered by key, begins at the top and has equal angles, so that names never lie on each other.
 */

/** @typedef {{x: number, y: number, angle: number}} Spot */

const ONE_RING = 8;

/**
 * @param {{id: string, isValidator: boolean}[]} nodes
 * @param {number} width @param {number} height Of the map, in pixels. @param {number} margin Kept free at its edges.
 * @returns {Map<string, Spot>}
 */
export function placeNodes(nodes, width, height, margin) {
  const ordered = [...nodes].sort((one, other) => (one.id < other.id ? -1 : 1));
  const validators = ordered.filter((each) => each.isValidator);
  const others = ordered.filter((each) => !each.isValidator);
  const rings = ordered.length <= ONE_RING || !validators.length || !others.length
    ? [{ring: ordered, part: 1}]
    : [{ring: validators, part: 0.5}, {ring: others, part: 1}];
  /** @type {Map<string, Spot>} */
  const spots = new Map();
  const [across, down] = [width / 2 - margin, height / 2 - margin];
  rings.forEach(({ring, part}, index) => {
    if (ring.length === 1 && ordered.length === 1) {
      spots.set(ring[0].id, {x: width / 2, y: height / 2, angle: -Math.PI / 2});
      return;
    }
    ring.forEach((node, place) => {
      const angle = -Math.PI / 2 + ((place + index / 2) / ring.length) * 2 * Math.PI;
      const x = width / 2 + Math.cos(angle) * across * part;
      const y = height / 2 + Math.sin(angle) * down * part;
      spots.set(node.id, {x: Math.round(x), y: Math.round(y), angle});
    });
  });
  return spots;
}

/**
 * The path of a link: bent a little towards the middle, so that links do not run through nodes between their ends.
 *
 * @param {Spot} from @param {Spot} to @param {number} width @param {number} height
 */
export function linkPath(from, to, width, height) {
  const [middleX, middleY] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
  const bend = 0.22;
  const x = middleX + (width / 2 - middleX) * bend;
  const y = middleY + (height / 2 - middleY) * bend;
  return `M${from.x} ${from.y}Q${x.toFixed(1)} ${y.toFixed(1)} ${to.x} ${to.y}`;
}
