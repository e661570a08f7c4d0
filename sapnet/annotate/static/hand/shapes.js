// Shapes as columns of rows: strokes, polygons, and what masks enclose. Positions are image pixels
// whose centres lie at .5; a pixel belongs to a shape if its centre does.

import { Columns } from "./columns.js";

// Adds the part of a stroke from `p` to `q` with round ends.
export function addSegment(shape, p, q, radius) {
  const [dx, dy] = [q[0] - p[0], q[1] - p[1]];
  const length = Math.hypot(dx, dy) || 1;
  const [nx, ny] = [dy / length, -dx / length]; // across the stroke
  const first = Math.floor(Math.min(p[0], q[0]) - radius);
  const last = Math.ceil(Math.max(p[0], q[0]) + radius);
  for (let x = Math.max(first, 0); x <= Math.min(last, shape.width - 1); x++) {
    const center = x + 0.5;
    let [low, high] = [Infinity, -Infinity];
    const see = (y) => { low = Math.min(low, y); high = Math.max(high, y); };
    for (const [cx, cy] of [p, q]) {
      const reach = radius * radius - (center - cx) ** 2;
      if (reach < 0) continue;
      see(cy - Math.sqrt(reach));
      see(cy + Math.sqrt(reach));
    }
    for (const side of dx ? [radius, -radius] : []) {
      const share = (center - p[0] - side * nx) / dx;
      if (share >= 0 && share <= 1) see(p[1] + side * ny + share * dy);
    }
    shape.add(x, Math.ceil(low - 0.5), Math.floor(high - 0.5) + 1);
  }
  for (const [x, y] of [p, q]) shape.add(Math.floor(x), Math.floor(y), Math.floor(y) + 1); // thin strokes, too
}

// The inside of a closed polygon, by the even-odd rule.
export function polygonColumns(corners, { height, width }) {
  const shape = new Columns(height, width);
  const xs = corners.map(([x]) => x);
  const first = Math.max(0, Math.floor(Math.min(...xs)));
  const last = Math.min(width - 1, Math.ceil(Math.max(...xs)));
  for (let x = first; x <= last; x++) {
    const crossings = [];
    corners.forEach(([x1, y1], i) => {
      const [x2, y2] = corners[(i + 1) % corners.length];
      const center = x + 0.5;
      if ((x1 <= center) === (x2 <= center)) return;
      crossings.push(y1 + ((center - x1) / (x2 - x1)) * (y2 - y1));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      shape.add(x, Math.ceil(crossings[i] - 0.5), Math.floor(crossings[i + 1] - 0.5) + 1);
    }
  }
  return shape;
}

// Fills what a mask encloses: background that does not reach the outside.
export function withoutHoles(mask) {
  const { height, width, columns } = mask;
  const parents = [0]; // 0 is the outside
  const root = (i) => {
    while (parents[i] !== i) i = parents[i] = parents[parents[i]];
    return i;
  };
  const gaps = []; // { x, start, stop, id }
  let before = [{ start: -1, stop: height + 1, id: 0 }];
  for (let x = 0; x <= width; x++) {
    const rows = columns[x] || [];
    const edges = [-1, ...rows, height + 1];
    const now = [];
    for (let i = 0; i < edges.length; i += 2) {
      if (edges[i] >= edges[i + 1]) continue;
      const isOutside = x === width || edges[i] < 0 || edges[i + 1] > height;
      const id = isOutside ? 0 : parents.push(parents.length) - 1;
      now.push({ x, start: edges[i], stop: edges[i + 1], id });
    }
    for (const a of before) {
      for (const b of now) {
        if (a.start >= b.stop || b.start >= a.stop) continue;
        const [first, second] = [root(a.id), root(b.id)];
        parents[Math.max(first, second)] = Math.min(first, second);
      }
    }
    gaps.push(...now);
    before = now;
  }
  const filled = mask.copy();
  for (const { x, start, stop, id } of gaps) {
    if (x < width && root(id) !== 0) filled.add(x, start, stop);
  }
  return filled;
}
