// Conversion of mouse, pen and touch on the canvas to changes of the store.

import { HIT_RADIUS } from "../shared/draw.js";

const DRAG_START = 3; // CSS pixels; a shorter movement still counts as a click
const TAP_RADIUS = 8; // CSS pixels; a longer movement is a pan on a touch screen
const WHEEL_SPEED = 0.0016; // change of the logarithm of the zoom per wheel pixel
const PINCH_SPEED = 0.01; // likewise for a pinch on a touchpad, which browsers send as ctrl-wheel
const LINE_HEIGHT = 16; // pixels per line for wheels that count lines

export class Pointer {
  constructor(view, store, actions) {
    Object.assign(this, { view, store, actions });
    this.tool = "new"; // action of a plain click: new, add or negative, or a tool of `hand`
    this.hand = null; // tools that draw masks
    this.isSpaceDown = false;
    this.gesture = null;
    this.touches = new Map(); // pointer id -> screen position
    const { canvas } = view;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.cancel(event));
    canvas.addEventListener("blur", () => delete canvas.dataset.used);
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  setSpace(isDown) {
    this.isSpaceDown = isDown;
    this.view.canvas.classList.toggle("can-pan", isDown);
  }

  kindOf(event) {
    if (event.altKey || event.button === 2) return "negative";
    return event.shiftKey ? "add" : this.tool;
  }

  down(event) {
    const position = this.view.fromEvent(event);
    this.view.canvas.setPointerCapture(event.pointerId);
    this.view.canvas.dataset.used = "pointer";
    this.view.canvas.focus({ preventScroll: true });
    this.view.crosshair = null;
    if (event.pointerType === "touch") {
      this.touchDown(event, position);
      return;
    }
    event.preventDefault();
    if (event.button === 1 || (event.button === 0 && this.isSpaceDown)) {
      this.gesture = { kind: "pan", position };
      this.view.canvas.classList.add("panning");
      return;
    }
    if (event.button === 0 && (event.ctrlKey || event.metaKey)) this.actions.setTool("box");
    if (this.hand.down(event, position)) {
      this.gesture = { kind: "hand" };
    } else if (event.button === 0 || event.button === 2) {
      const isGrab = event.button === 0 && !event.altKey;
      this.press(position, this.kindOf(event), isGrab ? HIT_RADIUS : 0);
    }
  }

  // Grabs the point under the position, or places a new point that can be dragged at once.
  press(position, kind, radius) {
    const found = radius ? this.view.hit(position, radius) : null;
    const start = { position, isMerged: !found, hasMoved: false };
    if (found) {
      this.store.select(found);
      const point = this.store.selectedObject[found.kind][found.index];
      this.gesture = { kind: "drag", ...start, selected: found, from: point };
      return;
    }
    const point = this.view.toImage(position);
    if (!this.view.isInside(point) || !this.actions.place(kind, this.view.round(point))) return;
    this.gesture = { kind: "drag", ...start, selected: this.store.selected, from: point };
  }

  move(event) {
    const position = this.view.fromEvent(event);
    if (this.gesture && this.gesture.kind === "hand") {
      if (this.touches.has(event.pointerId)) this.touches.set(event.pointerId, position);
      this.hand.move(event, position);
      return;
    }
    if (this.touches.has(event.pointerId)) {
      this.touchMove(event.pointerId, position);
      return;
    }
    this.hover(position);
    if (this.gesture) this.drag(position);
  }

  hover(position) {
    if (this.gesture) return;
    this.hand.hover(position);
    this.view.canvas.classList.toggle("over-point", Boolean(this.view.hit(position)));
  }

  drag(position) {
    const { gesture } = this;
    const [dx, dy] = [position[0] - gesture.position[0], position[1] - gesture.position[1]];
    if (gesture.kind === "pan") {
      gesture.position = position;
      this.view.pan(dx, dy);
    } else if (gesture.kind === "drag") {
      gesture.hasMoved ||= Math.hypot(dx, dy) > DRAG_START;
      if (!gesture.hasMoved) return;
      const point = [gesture.from[0] + dx / this.view.zoom, gesture.from[1] + dy / this.view.zoom];
      this.view.moving = { selected: gesture.selected, point: this.view.round(point) };
      this.view.invalidate();
    }
  }

  up(event) {
    if (this.gesture && this.gesture.kind === "hand") {
      this.touches.delete(event.pointerId);
      this.gesture = null;
      this.hand.up(event);
      return;
    }
    if (this.touches.has(event.pointerId)) {
      this.touchUp(event.pointerId);
      return;
    }
    this.finish();
  }

  finish() {
    const { moving } = this.view;
    const { gesture } = this;
    this.gesture = null;
    this.view.moving = null;
    this.view.canvas.classList.remove("panning");
    if (gesture && moving) {
      this.actions.movePoint(moving.selected, moving.point, { merge: gesture.isMerged });
    }
    this.view.invalidate();
  }

  cancel(event) {
    this.touches.delete(event.pointerId);
    this.gesture = null;
    this.view.moving = null;
    this.hand.cancel();
    this.view.invalidate();
  }

  wheel(event) {
    event.preventDefault();
    if (this.hand.wheel(event)) return;
    const pixels = event.deltaY * (event.deltaMode === 1 ? LINE_HEIGHT : 1);
    const speed = event.ctrlKey ? PINCH_SPEED : WHEEL_SPEED;
    this.view.zoomAt(this.view.zoom * Math.exp(-pixels * speed), this.view.fromEvent(event));
  }

  // --- touch: a tap places, one finger pans or drags a point, two fingers zoom ---

  touchDown(event, position) {
    this.touches.set(event.pointerId, position);
    if (this.touches.size > 1) {
      this.view.moving = null;
      if (this.gesture && this.gesture.kind === "hand") this.hand.cancel();
      this.gesture = { kind: "pinch" };
      return;
    }
    if (this.hand.down(event, position)) {
      this.gesture = { kind: "hand" };
      return;
    }
    const found = this.view.hit(position, 2 * HIT_RADIUS);
    if (found) this.press(position, this.tool, 2 * HIT_RADIUS);
    else this.gesture = { kind: "tap", position, start: position };
  }

  touchMove(id, position) {
    const { gesture } = this;
    const before = this.touches.get(id);
    if (gesture && gesture.kind === "pinch") {
      this.pinch(id, before, position);
    } else if (gesture && gesture.kind === "tap") {
      const [x, y] = gesture.start;
      if (Math.hypot(position[0] - x, position[1] - y) > TAP_RADIUS) {
        this.gesture = { kind: "pan", position };
      }
    } else if (gesture) {
      this.drag(position);
    }
    this.touches.set(id, position);
  }

  pinch(id, before, after) {
    const other = [...this.touches].find(([key]) => key !== id);
    if (!other) return;
    const [, fixed] = other;
    const distance = (point) => Math.hypot(point[0] - fixed[0], point[1] - fixed[1]) || 1;
    const middle = (point) => [(point[0] + fixed[0]) / 2, (point[1] + fixed[1]) / 2];
    this.view.zoomAt(this.view.zoom * (distance(after) / distance(before)), middle(before));
    const [from, to] = [middle(before), middle(after)];
    this.view.pan(to[0] - from[0], to[1] - from[1]);
  }

  touchUp(id) {
    const { gesture } = this;
    this.touches.delete(id);
    if (gesture && gesture.kind === "tap") {
      this.press(gesture.start, this.tool, 0);
    }
    if (gesture && gesture.kind === "pinch" && this.touches.size) return;
    this.finish();
  }
}
