// The tools that change a mask by hand, for clicking and for reviewing alike. What they make is the
// object's own mask: it is saved with the object, and each change is one step of undo.

import { Box } from "./box.js";
import { Brush } from "./brush.js";
import { Columns } from "./columns.js";
import { Polygon } from "./polygon.js";
import { withoutHoles } from "./shapes.js";

export const NAMES = ["brush", "eraser", "polygon", "box"];

export class HandTools {
  constructor(app) {
    Object.assign(this, { app, view: app.view, store: app.store, hasPen: false });
    this.brush = new Brush(this);
    this.polygon = new Polygon(this);
    this.box = new Box(this);
    this.view.layers.push((context) => this.active && this.active.draw(context));
    this.store.addEventListener("image", () => this.reset());
  }

  get name() { return this.app.pointer.tool; }
  get active() {
    return { brush: this.brush, eraser: this.brush, polygon: this.polygon, box: this.box }[this.name];
  }
  get isErasing() { return this.name === "eraser"; }

  reset() {
    this.brush.cancel();
    this.polygon.cancel();
    this.box.cancel();
    this.view.invalidate();
  }

  // --- pointer: each returns true if a hand tool took the event ---

  down(event, position) {
    if (event.pointerType === "pen") this.hasPen = true;
    if (!this.active || event.button !== 0) return false;
    if (event.pointerType === "touch" && this.hasPen) return false; // a pen draws, fingers pan
    if (!this.store.held || this.store.image.problem) return false;
    this.active.down(event, position);
    this.view.invalidate();
    return true;
  }

  move(event, position) {
    if (!this.active) return;
    this.active.move(event, position);
    this.view.invalidate();
  }

  up(event) {
    if (this.active) this.active.up(event);
    this.view.invalidate();
  }

  hover(position) {
    if (!this.active) return;
    this.active.hover(position);
    this.view.invalidate();
  }

  cancel() { this.reset(); }

  wheel(event) {
    if (this.active !== this.brush || event.ctrlKey) return false; // Ctrl and the wheel still zoom
    this.brush.resize(-Math.sign(event.deltaY));
    return true;
  }

  // Keys that mean something else while a hand tool is at work; true if it took the key.
  key(name) {
    const { active } = this;
    return Boolean(active && active.key && active.key(name));
  }

  // --- masks ---

  // The columns of what is shown of an object; empty ones if nothing is.
  columnsOf(object) {
    const { image } = this.store;
    const mask = object && this.view.overlay.maskOf(object);
    return mask ? Columns.from(mask, image) : new Columns(image.height, image.width);
  }

  // Makes columns the mask of an object, or a new object where there is none.
  commit(object, columns, options = {}) {
    if (columns.isEmpty && !object) return;
    const mask = columns.isEmpty ? null : columns.toMask();
    const { app, store, view } = this;
    view.overlay.shown.delete(object && object.key);
    if (app.mode) {
      if (mask) app.mode.draw(mask, options);
      else app.toast("A label needs a mask: delete the object instead");
      return;
    }
    if (!object) {
      if (app.hasClass()) store.addMasked(columns.insidePoint(), mask);
      return;
    }
    app.preview.chosen = -1; // the object's own mask is shown, no candidate
    store.replace({ ...object, mask }, store.selected, options);
    app.announce(mask ? "mask changed by hand" : "mask removed");
  }

  fillHoles() {
    const object = this.store.selectedObject;
    const before = this.columnsOf(object);
    if (!object || before.isEmpty) {
      this.app.toast("Select an object with a mask");
      return;
    }
    const mask = withoutHoles(before);
    if (mask.toMask().counts === before.toMask().counts) this.app.toast("This mask has no holes");
    else this.commit(object, mask);
  }

  // Takes the masks of the other visible objects away from the selected one.
  takeAway() {
    const object = this.store.selectedObject;
    const before = this.columnsOf(object);
    if (!object || before.isEmpty) {
      this.app.toast("Select an object with a mask");
      return;
    }
    let mask = before;
    let taken = 0;
    for (const other of this.store.objects) {
      if (other === object || this.view.overlay.hidden.has(other.key) || other.decision === "deleted" || other.suggested) continue;
      const less = mask.minus(this.columnsOf(other));
      if (less.toMask().counts !== mask.toMask().counts) taken += 1;
      mask = less;
    }
    if (!taken) this.app.toast("No other visible mask overlaps this one");
    else if (mask.isEmpty) this.app.toast("Nothing would be left of this mask");
    else {
      this.commit(object, mask);
      this.app.toast(`Taken away: the masks of ${taken} other ${taken === 1 ? "object" : "objects"}`);
    }
  }
}

// Adds the keys of the tools to the table.
export function bindHandKeys(app) {
  const { keys, hand } = app;
  keys.first = (name) => hand.key(name);
  keys.add("Draw by hand", [
    ["q", "Back to clicking", () => app.setTool("new")],
    ["b", "Brush: paint the mask of the selected object, or a new one", () => app.setTool("brush")],
    ["e", "Eraser", () => app.setTool("eraser")],
    ["[ ]", "Smaller, larger brush (wheel, too; Ctrl and wheel zoom)", undefined],
    ["shift+Drag", "Straight stroke; Shift-click goes on from the last one"],
    ["g", "Polygon: click the corners; double-click or Enter closes, Shift adds, Alt cuts", () => app.setTool("polygon")],
    ["k", "Box: drag it round an object, once", () => app.setTool("box")],
    ["ctrl+Drag", "The same without the tool"],
    ["shift+f", "Fill the holes of the mask", () => hand.fillHoles()],
    ["shift+t", "Take the other visible masks away from this one", () => hand.takeAway()],
  ]);
}

export function setUpHandButtons(app) {
  document.getElementById("fill-holes").addEventListener("click", () => app.hand.fillHoles());
  document.getElementById("take-away").addEventListener("click", () => app.hand.takeAway());
}
