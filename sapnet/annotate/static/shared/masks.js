// Conversion of run lengths to masks that a canvas can draw, at a bounded size.

const LAYER_SIDE = 1024; // pixels; larger masks are drawn from every second, third, ... pixel
// Opacity of the inside, and of a dark line within the outline, which shows it on any photograph; of 255.
const LOOKS = { faint: [88, 88], strong: [110, 200], outline: [0, 150] };
const boxes = new WeakMap(); // mask -> box or null
const layers = new WeakMap(); // mask -> layers by color and style

// Decodes COCO's compressed run lengths: alternating runs down the columns, background first.
export function decodeCounts(text) {
  const runs = [];
  let place = 0;
  while (place < text.length) {
    let value = 0;
    let unit = 1; // no shifts: they end at 32 bits, and a run in a vast image does not
    let code;
    do {
      code = text.charCodeAt(place++) - 48;
      value += (code & 31) * unit;
      unit *= 32;
    } while (code & 32);
    if (code & 16) value -= unit; // a negative value, because runs are stored as differences
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

// [x1, y1, x2, y2) of the foreground in the mask's own pixels, or null for an empty mask.
function bounds(runs, height) {
  let [x1, y1, x2, y2] = [Infinity, Infinity, -1, -1];
  let start = 0;
  runs.forEach((length, i) => {
    if (i % 2 && length) {
      const last = start + length - 1;
      const [first, final] = [Math.floor(start / height), Math.floor(last / height)];
      x1 = Math.min(x1, first);
      x2 = Math.max(x2, final);
      y1 = Math.min(y1, first === final ? start % height : 0);
      y2 = Math.max(y2, first === final ? last % height : height - 1);
    }
    start += length;
  });
  return x2 < 0 ? null : [x1, y1, x2 + 1, y2 + 1];
}

// 0/1 samples of the box, every `step`-th pixel: { width, height, values }.
function sample(runs, height, [x1, y1, x2, y2], step) {
  const columns = Math.ceil((x2 - x1) / step);
  const rows = Math.ceil((y2 - y1) / step);
  const values = new Uint8Array(columns * rows);
  let run = 0;
  let end = runs[0];
  for (let column = 0; column < columns; column++) {
    const base = (x1 + column * step) * height;
    for (let row = 0; row < rows; row++) {
      const position = base + y1 + row * step;
      while (position >= end && run < runs.length - 1) end += runs[++run];
      values[row * columns + column] = run % 2;
    }
  }
  return { columns, rows, values };
}

// Returns the tight box [x1, y1, x2, y2] as shares of the image's sides, null for an empty mask.
export function maskBox(mask) {
  if (!boxes.has(mask)) {
    const [height, width] = mask.size;
    const box = bounds(decodeCounts(mask.counts), height);
    boxes.set(mask, box && [box[0] / width, box[1] / height, box[2] / width, box[3] / height]);
  }
  return boxes.get(mask);
}

// Returns the mask as a picture: { canvas, box }, its box as that of `maskBox`; null for an empty mask.
// `look`: faint, strong or outline.
export function maskLayer(mask, color, look = "faint") {
  if (!layers.has(mask)) layers.set(mask, new Map());
  const known = layers.get(mask);
  const key = `${color} ${look}`;
  if (!known.has(key)) known.set(key, makeLayer(mask, color, look));
  return known.get(key);
}

function makeLayer(mask, color, look) {
  const [height, width] = mask.size;
  const runs = decodeCounts(mask.counts);
  const box = bounds(runs, height);
  let layer = null;
  if (box) {
    const step = Math.max(1, Math.ceil(Math.max(box[2] - box[0], box[3] - box[1]) / LAYER_SIDE));
    const canvas = paint(sample(runs, height, box, step), color, LOOKS[look]);
    const [right, bottom] = [box[0] + canvas.width * step, box[1] + canvas.height * step];
    layer = { canvas, box: [box[0] / width, box[1] / height, right / width, bottom / height] };
  }
  return layer;
}

function paint({ columns, rows, values }, color, [fill, dark]) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(columns, rows);
  const [red, green, blue] = color.match(/\w\w/g).map((pair) => parseInt(pair, 16));
  const at = (x, y) => x >= 0 && y >= 0 && x < columns && y < rows && values[y * columns + x];
  const isInside = (x, y) => at(x - 1, y) && at(x + 1, y) && at(x, y - 1) && at(x, y + 1);
  const isDeep = (x, y) => isInside(x - 1, y) && isInside(x + 1, y) && isInside(x, y - 1) && isInside(x, y + 1);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const i = y * columns + x;
      if (!values[i]) continue;
      const pixel = !isInside(x, y) ? [red, green, blue, 255]
        : dark === fill || isDeep(x, y) ? [red, green, blue, fill] : [0, 0, 0, dark];
      picture.data.set(pixel, 4 * i);
    }
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}
