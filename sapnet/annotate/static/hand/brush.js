// Brush and eraser. A stroke is drawn while it is made; the mask changes when it ends.

import { drawMask } from "../shared/draw.js";
import { Columns } from "./columns.js";
import { addSegment } from "./shapes.js";

const RADII = [0.5, 300]; // CSS pixels
const STEP = 1.25; // of the radius, per key or notch of the wheel
const PAINT = "58"; // opacity of fresh paint, as that of a mask

export class Brush {
  constructor(hand) {
    Object.assign(this, { hand, view: hand.view, radius: 14, at: null, stroke: null, last: null });
  }

  resize(by) {
    this.radius = Math.min(Math.max(this.radius * STEP ** by, RADII[0]), RADII[1]);
    this.view.invalidate();
  }

  key(name) {
    if (name !== "[" && name !== "]") return false;
    this.resize(name === "]" ? 1 : -1);
    return true;
  }

  down(event, position) {
    const { hand, view } = this;
    const object = hand.store.selectedObject;
    if (hand.isErasing && !object) {
      hand.app.toast("Select the object to erase from");
      return;
    }
    if (!object && !hand.app.hasClass()) return;
    const { image } = hand.store;
    const point = view.toImage(position);
    const isContinued = event.shiftKey && this.last && this.last.image === image;
    this.stroke = {
      object, shape: new Columns(image.height, image.width), radius: this.radius / view.zoom,
      path: [isContinued ? this.last.point : point], straightTo: isContinued ? point : null,
      erases: hand.isErasing, image,
    };
    view.overlay.stroke = { key: object && object.key, draw: (context) => this.drawStroke(context) };
    this.at = position;
  }

  move(event, position) {
    this.at = position;
    const { stroke } = this;
    if (!stroke) return;
    const point = this.view.toImage(position);
    if (event.shiftKey) stroke.straightTo = point;
    else this.extend(point);
  }

  extend(point) {
    const { path, shape, radius } = this.stroke;
    addSegment(shape, path[path.length - 1], point, radius);
    path.push(point);
    this.stroke.straightTo = null;
  }

  up() {
    const { stroke } = this;
    if (!stroke) return;
    this.extend(stroke.straightTo || stroke.path[stroke.path.length - 1]);
    this.cancel();
    this.last = { image: stroke.image, point: stroke.path[stroke.path.length - 1] };
    const before = this.hand.columnsOf(stroke.object);
    this.hand.commit(stroke.object, stroke.erases ? before.minus(stroke.shape) : before.union(stroke.shape));
  }

  cancel() {
    this.stroke = null;
    this.view.overlay.stroke = null;
  }

  hover(position) { this.at = position; }

  // Draws the mask with the stroke so far; the context is in image pixels.
  drawStroke(context) {
    const { object, path, straightTo, radius, erases, image } = this.stroke;
    const { overlay, canvas } = this.view;
    this.layer ||= document.createElement("canvas");
    [this.layer.width, this.layer.height] = [canvas.width, canvas.height]; // this clears it, too
    const layer = this.layer.getContext("2d");
    layer.setTransform(context.getTransform());
    const color = object ? overlay.shadeOf(object) : this.hand.app.colorOf(this.hand.store.category);
    const mask = object && overlay.maskOf(object);
    if (mask) drawMask(layer, image, mask, color);
    layer.beginPath();
    layer.moveTo(...path[0]);
    for (const point of straightTo ? [...path, straightTo] : path) layer.lineTo(...point);
    Object.assign(layer, { lineWidth: 2 * radius, lineCap: "round", lineJoin: "round" });
    layer.globalCompositeOperation = "destination-out";
    layer.stroke();
    if (!erases) {
      layer.globalCompositeOperation = "source-over";
      layer.strokeStyle = color + PAINT;
      layer.stroke();
    }
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.layer, 0, 0);
    context.restore();
  }

  // Draws the size of the brush; the context is in CSS pixels.
  draw(context) {
    if (!this.at) return;
    for (const [width, color] of [[3, "rgba(0, 0, 0, 0.7)"], [1.2, "#fff"]]) {
      context.beginPath();
      context.arc(...this.at, this.radius, 0, 2 * Math.PI);
      Object.assign(context, { lineWidth: width, strokeStyle: color });
      context.setLineDash(this.hand.isErasing ? [4, 3] : []);
      context.stroke();
    }
    context.setLineDash([]);
  }
}
