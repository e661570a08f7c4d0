// Tiles of the image pyramid: loaded when visible, decoded off the main thread, bounded in number.

const TILES_KEPT = 72; // about 4 MB each when decoded

export class Tiles extends EventTarget {
  constructor(side) {
    super();
    this.side = side;
    this.tiles = new Map(); // address -> { bitmap } or { promise } or { error }
  }

  address(image, level, column, row) {
    const query = { image: image.name, level, column, row, stamp: image.stamp };
    return `/api/tile?${new URLSearchParams(query)}`;
  }

  get(address) {
    const tile = this.tiles.get(address);
    if (!tile) return null;
    this.tiles.delete(address); // and insert it again last, so that the first entry is the least recently used
    this.tiles.set(address, tile);
    return tile.bitmap || null;
  }

  load(address, image) {
    if (image.problem) return Promise.resolve(); // no further requests for an unreadable image
    const known = this.tiles.get(address);
    if (known) return known.promise;
    const promise = this.fetch(address, image);
    this.tiles.set(address, { promise });
    this.trim();
    return promise;
  }

  async fetch(address, image) {
    try {
      const response = await fetch(address);
      if (!response.ok) {
        const { detail } = await response.json();
        throw new Error(detail);
      }
      const bitmap = await createImageBitmap(await response.blob());
      this.tiles.set(address, { bitmap, promise: Promise.resolve() });
      this.dispatchEvent(new CustomEvent("loaded"));
    } catch (error) {
      this.tiles.delete(address);
      this.dispatchEvent(new CustomEvent("failed", { detail: { image, error } }));
    }
  }

  trim() {
    for (const [address, tile] of this.tiles) {
      if (this.tiles.size <= TILES_KEPT) return;
      if (!tile.bitmap) continue;
      tile.bitmap.close();
      this.tiles.delete(address);
    }
  }

  // Returns the smallest level whose pixels are not larger than those of the screen.
  level(image, devicePixelsPerPixel) {
    const wanted = Math.floor(Math.log2(1 / devicePixelsPerPixel) + 0.01);
    return Math.min(Math.max(wanted, 0), image.levels - 1);
  }

  *visible(image, level, [x1, y1, x2, y2]) {
    const scale = this.side * 2 ** level; // image pixels per tile
    const columns = Math.ceil(image.width / scale);
    const rows = Math.ceil(image.height / scale);
    const [first, last] = [Math.max(0, Math.floor(x1 / scale)), Math.min(columns - 1, Math.floor(x2 / scale))];
    const [top, bottom] = [Math.max(0, Math.floor(y1 / scale)), Math.min(rows - 1, Math.floor(y2 / scale))];
    for (let row = top; row <= bottom; row++) {
      for (let column = first; column <= last; column++) {
        yield { address: this.address(image, level, column, row), x: column * scale, y: row * scale };
      }
    }
  }

  // Loads the tiles that show an image whole; used in advance for the next images.
  prefetch(image) {
    this.load(this.address(image, image.levels - 1, 0, 0), image);
  }

  // Makes the server decode a large image fully before the user zooms in.
  prefetchSharp(image) {
    if (image.levels > 1) this.load(this.address(image, 0, 0, 0), image);
  }

  // Draws the visible part; the context is in image pixels.
  draw(context, image, box, devicePixelsPerPixel) {
    const wanted = this.level(image, devicePixelsPerPixel);
    const isComplete = this.drawLevel(context, image, box, wanted, true);
    if (isComplete) return;
    // Draws coarser levels below missing tiles, then the loaded tiles on top.
    for (let level = image.levels - 1; level >= wanted; level--) {
      this.drawLevel(context, image, box, level, level === image.levels - 1);
    }
  }

  drawLevel(context, image, box, level, isWanted) {
    const scale = 2 ** level;
    let isComplete = true;
    for (const { address, x, y } of this.visible(image, level, box)) {
      const bitmap = this.get(address);
      if (bitmap) context.drawImage(bitmap, x, y, bitmap.width * scale, bitmap.height * scale);
      else {
        isComplete = false;
        if (isWanted) this.load(address, image);
      }
    }
    return isComplete;
  }
}
