// Polygons: corners by clicks, closed by a double-click or Enter; corners can be dragged, also
// after the polygon became a mask.

import { polygonColumns } from "./shapes.js";

const GRAB = 7; // CSS pixels
const DOUBLE = 400; // ms between the clicks of a double-click

export class Polygon {
  constructor(hand) {
    Object.assign(this, { hand, view: hand.view });
    this.cancel();
  }

  cancel() {
    Object.assign(this, { corners: [], at: null, dragged: -1, time: 0, closed: null, before: null });
  }

  // The closed polygon whose mask is still the object's, with corners to drag; null without one.
  get live() {
    const object = this.closed && this.hand.store.objects.find(({ key }) => key === this.closed.key);
    if (!object || object.mask !== this.closed.mask || object !== this.hand.store.selectedObject) this.closed = null;
    return this.closed;
  }

  get shown() { return this.corners.length ? this.corners : this.live ? this.live.corners : []; }

  grab(position, radius = GRAB) {
    const distance = (corner) => {
      const [x, y] = this.view.toScreen(corner);
      return Math.hypot(x - position[0], y - position[1]);
    };
    let best = -1;
    this.shown.forEach((corner, i) => {
      if (distance(corner) <= radius && (best < 0 || distance(corner) < distance(this.shown[best]))) best = i;
    });
    return best;
  }

  down(event, position) {
    const radius = event.pointerType === "touch" ? 2 * GRAB : GRAB;
    const found = this.grab(position, radius);
    const { corners } = this;
    const isQuick = event.timeStamp - this.time < DOUBLE;
    this.time = event.timeStamp;
    if (corners.length > 2 && (found === 0 || (isQuick && found === corners.length - 1))) {
      this.close(event);
      return;
    }
    this.dragged = found;
    this.hasMoved = false;
    if (found >= 0) return;
    if (!corners.length && !this.hand.app.mode && !this.hand.app.hasClass()) return;
    this.closed = null;
    corners.push(this.view.round(this.view.toImage(position)));
    this.dragged = corners.length - 1;
  }

  move(event, position) {
    this.at = position;
    if (this.dragged < 0) return;
    this.hasMoved = true;
    this.shown[this.dragged] = this.view.round(this.view.toImage(position));
  }

  up() {
    const isMoved = this.dragged >= 0 && this.hasMoved && !this.corners.length && this.live;
    this.dragged = -1;
    if (!isMoved) return;
    const { corners, base, how } = this.closed;
    this.give(this.hand.store.selectedObject, corners, base, how);
  }

  hover(position) { this.at = position; }

  key(name) {
    const { corners } = this;
    if (!corners.length) return false;
    const base = name.replace(/^(?:alt\+)?(?:shift\+)?/, "");
    if (base === "Enter" && corners.length > 2) {
      this.close({ shiftKey: name.includes("shift+"), altKey: name.includes("alt+") });
    } else if (name === "Backspace" || name === "ctrl+z") corners.pop();
    else if (name === "Escape") this.cancel();
    else return base === "Enter";
    this.view.invalidate();
    return true;
  }

  // Plain: the mask of the selected object if it has none of its own, else of a new object. Shift adds
  // to the selected object's mask, Alt cuts from it.
  close({ shiftKey, altKey }) {
    const { hand, corners } = this;
    const selected = hand.store.selectedObject;
    const how = selected && (altKey ? "minus" : shiftKey ? "union" : null);
    const isNew = !hand.app.mode && !how && selected && selected.mask;
    const object = isNew ? undefined : selected;
    this.cancel();
    this.give(object, corners, how ? hand.columnsOf(object) : null, how);
  }

  give(object, corners, base, how) {
    const { hand } = this;
    const inside = polygonColumns(corners, hand.store.image);
    const mask = how ? base[how](inside) : inside;
    if (mask.isEmpty) {
      hand.app.toast("Nothing lies inside this polygon");
      return;
    }
    hand.commit(object, mask);
    const now = hand.store.selectedObject;
    this.closed = now && { key: now.key, mask: now.mask, corners, base, how };
  }

  draw(context) {
    const { shown, view } = this;
    if (!shown.length) return;
    const points = shown.map((corner) => view.toScreen(corner));
    const isOpen = this.corners.length > 0;
    context.beginPath();
    context.moveTo(...points[0]);
    for (const point of points.slice(1)) context.lineTo(...point);
    if (isOpen && this.at && this.dragged < 0) context.lineTo(...this.at);
    if (!isOpen) context.closePath();
    for (const [width, color] of [[3.5, "rgba(0, 0, 0, 0.7)"], [1.5, "#fff"]]) {
      Object.assign(context, { lineWidth: width, strokeStyle: color });
      context.stroke();
    }
    points.forEach(([x, y], i) => {
      context.beginPath();
      context.arc(x, y, isOpen && i === 0 ? 6 : 4.5, 0, 2 * Math.PI);
      Object.assign(context, { fillStyle: "#fff", lineWidth: 1.5, strokeStyle: "#000" });
      context.fill();
      context.stroke();
    });
  }
}
