// The canvas: the visible part of the image, and its drawing. Screen positions are CSS pixels of
// the canvas, image positions are pixels of the upright image.

import { Tiles } from "./tiles.js";
import { drawBox, drawCrosshair, drawPoint, drawWaiting, HIT_RADIUS } from "./draw.js";
import { Overlay } from "./overlay.js";

const MARGIN = 20; // CSS pixels around a fitted image
const TOOLS_HEIGHT = 60; // CSS pixels below the image that the tools cover
const HAND_TOOLS = 48; // CSS pixels that the tools which draw cover: on the left, in narrow windows above
const NARROW = "(width <= 820px)"; // as in page.css
const ZOOM_RANGE = [0.02, 60]; // CSS pixels per image pixel
const LARGEST_FIT = 8; // largest zoom of a fitted tiny image
const SHARP_ZOOM = 3; // zoom from which pixels are shown as squares
const WAITING_FRAME = 60; // ms between pictures of the ring of a point that waits
const DIGITS = 100; // positions are rounded to a hundredth of a pixel

export class View extends EventTarget {
  constructor(canvas, store, colorOf) {
    super();
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.store = store;
    this.colorOf = colorOf;
    this.tiles = new Tiles(store.session.tile_side);
    this.tiles.addEventListener("loaded", () => this.invalidate());
    [this.zoom, this.x, this.y] = [1, 0, 0]; // zoom, and the screen position of the image's corner
    this.isFitted = true;
    this.crosshair = null; // image position while the keyboard is used
    this.moving = null; // { selected, point } while a point is dragged
    this.hidesMarks = false; // to show what is under the points
    this.overlay = new Overlay(store, colorOf);
    this.waiting = null; // key of the object whose candidates are on the way
    this.light = { brightness: 1, contrast: 1 }; // of the image on the screen alone
    this.layers = []; // further drawing, for other modes: functions of (context, view)
    new ResizeObserver(() => this.resize()).observe(canvas);
    window.addEventListener("resize", () => this.resize()); // another screen, other device pixels
    this.resize();
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    [this.width, this.height] = [width, height];
    if (this.isFitted) this.fit();
    this.draw(); // at once, because a resized canvas is empty
  }

  get image() { return this.store.image; }

  fit() {
    if (!this.image || !this.width || !this.image.width) return;
    const { width, height } = this.image;
    const margin = Math.min(MARGIN, this.width * 0.03);
    const [left, top] = matchMedia(NARROW).matches ? [0, HAND_TOOLS] : [HAND_TOOLS, 0];
    const across = this.width - 2 * margin - left;
    const room = this.height - 2 * margin - top - TOOLS_HEIGHT;
    this.setZoom(Math.min(across / width, room / height, LARGEST_FIT));
    this.x = left + margin + (across - width * this.zoom) / 2;
    this.y = top + margin + (room - height * this.zoom) / 2;
    this.isFitted = true;
    this.invalidate();
  }

  setZoom(zoom) {
    this.zoom = Math.min(Math.max(zoom, ZOOM_RANGE[0]), ZOOM_RANGE[1]);
    this.dispatchEvent(new CustomEvent("zoom"));
  }

  // Zooms while the image position under a screen position stays fixed.
  zoomAt(zoom, [x, y] = [this.width / 2, this.height / 2]) {
    const before = this.toImage([x, y]);
    this.setZoom(zoom);
    this.x = x - before[0] * this.zoom;
    this.y = y - before[1] * this.zoom;
    this.isFitted = false;
    this.keepInSight();
    this.invalidate();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.isFitted = false;
    this.keepInSight();
    this.invalidate();
  }

  // Keeps a strip of the image on the screen.
  keepInSight() {
    if (!this.image) return;
    const [width, height] = [this.image.width * this.zoom, this.image.height * this.zoom];
    const [stripX, stripY] = [Math.min(80, width), Math.min(80, height)];
    this.x = Math.min(Math.max(this.x, stripX - width), this.width - stripX);
    this.y = Math.min(Math.max(this.y, stripY - height), this.height - stripY);
  }

  // Moves the view just enough to make an image position visible.
  reveal(point) {
    const [x, y] = this.toScreen(point);
    const margin = 60;
    const dx = x < margin ? margin - x : x > this.width - margin ? this.width - margin - x : 0;
    const dy = y < margin ? margin - y : y > this.height - margin ? this.height - margin - y : 0;
    if (dx || dy) this.pan(dx, dy);
  }

  toImage([x, y]) { return [(x - this.x) / this.zoom, (y - this.y) / this.zoom]; }
  toScreen([x, y]) { return [x * this.zoom + this.x, y * this.zoom + this.y]; }

  fromEvent(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  isInside([x, y]) {
    return Boolean(this.image) && x >= 0 && y >= 0 && x < this.image.width && y < this.image.height;
  }

  // Returns an image position inside the image, rounded to a hundredth of a pixel.
  round([x, y]) {
    const limit = (value, size) => Math.min(Math.max(Math.round(value * DIGITS) / DIGITS, 0), size - 1 / DIGITS);
    return [limit(x, this.image.width), limit(y, this.image.height)];
  }

  // Returns the point under a screen position: { key, kind, index }, preferably of the selected object.
  hit([x, y], radius = HIT_RADIUS) {
    let best = null;
    let least = radius;
    for (const object of this.store.objects) {
      for (const kind of ["points", "negative_points"]) {
        object[kind].forEach((point, index) => {
          const [px, py] = this.toScreen(point);
          const isSelected = this.store.selected && this.store.selected.key === object.key;
          const distance = Math.hypot(px - x, py - y) - (isSelected ? 0.5 : 0);
          if (distance < least) [best, least] = [{ key: object.key, kind, index }, distance];
        });
      }
    }
    return best;
  }

  invalidate() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { context, canvas, image } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!image || !image.width || !this.width) return;
    // Not exactly the device pixel ratio, because the canvas has a whole number of pixels.
    const [sx, sy] = [canvas.width / this.width, canvas.height / this.height];
    context.setTransform(sx * this.zoom, 0, 0, sy * this.zoom, sx * this.x, sy * this.y);
    context.save();
    context.beginPath();
    context.rect(0, 0, image.width, image.height);
    context.clip(); // the last pixel of a smaller level may exceed the image
    context.imageSmoothingEnabled = this.zoom < SHARP_ZOOM;
    context.imageSmoothingQuality = "high";
    const [x1, y1] = this.toImage([0, 0]);
    const [x2, y2] = this.toImage([this.width, this.height]);
    const { brightness, contrast } = this.light;
    if (brightness !== 1 || contrast !== 1) context.filter = `brightness(${brightness}) contrast(${contrast})`;
    this.tiles.draw(context, image, [x1, y1, x2, y2], this.zoom * sx);
    context.filter = "none";
    context.imageSmoothingEnabled = true;
    this.overlay.draw(context, image);
    context.restore();
    context.setTransform(sx, 0, 0, sy, 0, 0);
    if (!this.hidesMarks) this.drawMarks(context);
    for (const layer of this.layers) layer(context, this);
    this.dispatchEvent(new CustomEvent("drawn"));
  }

  drawMarks(context) {
    const { selected } = this.store;
    const ordered = [...this.store.objects];
    if (selected) ordered.sort((a, b) => (a.key === selected.key) - (b.key === selected.key));
    for (const object of ordered) {
      if (this.overlay.hidden.has(object.key)) continue;
      const color = this.colorOf(object.category_id);
      const isSelected = selected && object.key === selected.key;
      if (object.box) drawBox(context, this.toScreen(object.box.slice(0, 2)), this.toScreen(object.box.slice(2)), color);
      for (const kind of ["points", "negative_points"]) {
        object[kind].forEach((point, index) => {
          const isPoint = isSelected && selected.kind === kind && selected.index === index;
          const { moving } = this;
          const isMoving = moving && moving.selected.key === object.key
            && moving.selected.kind === kind && moving.selected.index === index;
          const [x, y] = this.toScreen(isMoving ? moving.point : point);
          drawPoint(context, x, y, { color, isNegative: kind !== "points", isSelected, isPoint, isOpen: object.suggested });
        });
      }
    }
    this.drawWaiting(context);
    if (this.crosshair) drawCrosshair(context, this.toScreen(this.crosshair), this.width, this.height);
  }

  drawWaiting(context) {
    const object = this.waiting && this.store.objects.find(({ key }) => key === this.waiting);
    if (!object) return;
    const point = this.store.selected && this.store.selected.key === object.key
      ? object[this.store.selected.kind][this.store.selected.index] : null;
    drawWaiting(context, ...this.toScreen(point || object.points[0]), performance.now());
    setTimeout(() => this.invalidate(), WAITING_FRAME);
  }
}
