// Masks as intervals of rows, column by column: as exact as the image, and quick to change at any size.
//
// A Columns object holds, per column, an array [start, stop, start, stop, ...] of rows in ascending
// order, or undefined. COCO's run lengths go down the columns too, so both convert without pixels.

import { decodeCounts } from "../shared/masks.js";

export class Columns {
  constructor(height, width) {
    Object.assign(this, { height, width, columns: new Array(width) });
  }

  // Reads { size, counts } at the size of an image; a mask of a smaller frame is enlarged.
  static from(mask, { height, width }) {
    const [rows, across] = mask.size;
    const read = new Columns(rows, across);
    let start = 0;
    decodeCounts(mask.counts).forEach((length, i) => {
      if (i % 2) read.addRun(start, start + length);
      start += length;
    });
    return rows === height && across === width ? read : read.enlarged(height, width);
  }

  addRun(start, stop) {
    const { height, columns } = this;
    for (let at = start; at < stop;) {
      const column = Math.floor(at / height);
      const last = Math.min(stop, (column + 1) * height);
      (columns[column] ||= []).push(at - column * height, last - column * height);
      at = last;
    }
  }

  enlarged(height, width) {
    const large = new Columns(height, width);
    const scale = height / this.height;
    for (let x = 0; x < width; x++) {
      const rows = this.columns[Math.floor(((x + 0.5) * this.width) / width)];
      if (rows) large.columns[x] = rows.map((row) => Math.round(row * scale));
    }
    return large;
  }

  copy() {
    const other = new Columns(this.height, this.width);
    other.columns = [...this.columns]; // the arrays themselves are never changed in place
    return other;
  }

  get isEmpty() { return !this.columns.some((rows) => rows && rows.length); }

  // Adds rows [start, stop) of a column.
  add(x, start, stop) {
    const [from, to] = [Math.max(start, 0), Math.min(stop, this.height)];
    if (x < 0 || x >= this.width || from >= to) return;
    this.columns[x] = union(this.columns[x] || [], [from, to]);
  }

  union(other) { return this.combine(other, union); }
  minus(other) { return this.combine(other, minus); }

  combine(other, join) {
    const result = this.copy();
    other.columns.forEach((rows, x) => {
      if (rows) result.columns[x] = join(this.columns[x] || [], rows);
    });
    return result;
  }

  // Writes { size, counts }.
  toMask() {
    const { height, width } = this;
    const runs = [];
    let [value, length] = [0, 0];
    const put = (other, pixels) => {
      if (!pixels) return;
      if (other !== value) {
        runs.push(length);
        [value, length] = [other, 0];
      }
      length += pixels;
    };
    for (let x = 0; x < width; x++) {
      const rows = this.columns[x] || [];
      let row = 0;
      for (let i = 0; i < rows.length; i += 2) {
        put(0, rows[i] - row);
        put(1, rows[i + 1] - rows[i]);
        row = rows[i + 1];
      }
      put(0, height - row);
    }
    runs.push(length);
    return { size: [height, width], counts: encodeCounts(runs) };
  }

  // A point well inside: of some columns, the middle of the interval with the most room around it.
  insidePoint() {
    const used = [...this.columns.keys()].filter((x) => this.columns[x] && this.columns[x].length);
    const step = Math.max(1, Math.floor(used.length / 64));
    let [best, most] = [null, -1];
    for (let i = Math.floor(step / 2); i < used.length; i += step) {
      const x = used[i];
      const rows = this.columns[x];
      for (let j = 0; j < rows.length; j += 2) {
        const y = Math.floor((rows[j] + rows[j + 1]) / 2);
        const [left, right] = [this.reach(x, y, -1), this.reach(x, y, 1)];
        const room = Math.min(rows[j + 1] - rows[j], 2 * Math.min(left, right) + 1);
        if (room > most) [best, most] = [[x + 0.5, y + 0.5], room];
      }
    }
    return best;
  }

  has(x, y) {
    const rows = this.columns[x] || [];
    for (let i = 0; i < rows.length; i += 2) if (y >= rows[i] && y < rows[i + 1]) return true;
    return false;
  }

  reach(x, y, step) {
    let pixels = 0;
    while (this.has(x + step * (pixels + 1), y)) pixels += 1;
    return pixels;
  }
}

// Both lists are ascending intervals; so are the results, without touching neighbours.
export function union(a, b) {
  const result = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const isFirst = j >= b.length || (i < a.length && a[i] <= b[j]);
    const [start, stop] = isFirst ? [a[i], a[i + 1]] : [b[j], b[j + 1]];
    if (isFirst) i += 2; else j += 2;
    if (result.length && start <= result[result.length - 1]) {
      result[result.length - 1] = Math.max(result[result.length - 1], stop);
    } else result.push(start, stop);
  }
  return result;
}

export function minus(a, b) {
  const result = [];
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    let start = a[i];
    const stop = a[i + 1];
    while (j > 0 && b[j - 1] > start) j -= 2;
    while (j < b.length && b[j + 1] <= start) j += 2;
    for (let k = j; k < b.length && b[k] < stop; k += 2) {
      if (b[k] > start) result.push(start, b[k]);
      start = Math.max(start, b[k + 1]);
    }
    if (start < stop) result.push(start, stop);
  }
  return result;
}

// COCO's compressed run lengths; the counterpart of `decodeCounts`.
export function encodeCounts(runs) {
  let text = "";
  runs.forEach((length, i) => {
    let value = i > 2 ? length - runs[i - 2] : length;
    let isLast = false;
    while (!isLast) {
      const bits = ((value % 32) + 32) % 32;
      value = Math.floor(value / 32); // no shift: see `decodeCounts`
      isLast = bits & 16 ? value === -1 : value === 0;
      text += String.fromCharCode(bits + (isLast ? 0 : 32) + 48);
    }
  });
  return text;
}
