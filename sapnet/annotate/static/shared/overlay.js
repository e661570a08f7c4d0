// The masks over the image: every object's current one faintly, the selected one strong.

import { drawMask } from "./draw.js";
import { instanceColor } from "./colors.js";

const FAINT = 0.75; // opacity of the masks of objects that are not selected
export const STYLES = ["masks", "outlines", "none"];

export class Overlay {
  constructor(store, colorOf) {
    Object.assign(this, { store, colorOf });
    this.style = STYLES[0];
    this.hidden = new Set(); // keys of objects that are not drawn
    this.shown = new Map(); // key -> the candidate last shown of an object without a mask of its own
    this.candidate = null; // { key, mask } shown as a preview of an object
    this.stroke = null; // { key, draw } while an object is painted: draws its mask instead
    this.hasMask = () => true; // returns true if an object's mask is drawn; other modes replace it
  }

  // The mask that stands for an object now; undefined if there is none.
  maskOf(object) {
    if (this.candidate && this.candidate.key === object.key) return this.candidate.mask;
    return object.mask || this.shown.get(object.key);
  }

  // Instances of a class differ in shade.
  shadeOf(object) {
    const same = this.store.objects.filter((other) => other.category_id === object.category_id);
    return instanceColor(this.colorOf(object.category_id), Math.max(0, same.indexOf(object)));
  }

  nextStyle() {
    this.style = STYLES[(STYLES.indexOf(this.style) + 1) % STYLES.length];
    return this.style;
  }

  toggle(key) {
    if (!this.hidden.delete(key)) this.hidden.add(key);
  }

  isVisible(object) { return !this.hidden.has(object.key) && this.hasMask(object); }

  // Draws all masks; the context is in image pixels.
  draw(context, image) {
    if (this.stroke) this.stroke.draw(context);
    if (this.style === "none") return;
    const { selectedObject, objects } = this.store;
    const others = objects.filter((object) => object !== selectedObject);
    for (const object of selectedObject ? [...others, selectedObject] : others) {
      if (this.stroke && this.stroke.key === object.key) continue;
      const mask = this.isVisible(object) && this.maskOf(object);
      if (!mask) continue;
      context.globalAlpha = object === selectedObject || object.suggested ? 1 : FAINT;
      const isOutline = this.style === "outlines" || (object.suggested && object !== selectedObject);
      const look = isOutline ? "outline" : object === selectedObject ? "strong" : "faint";
      drawMask(context, image, mask, this.shadeOf(object), look);
    }
    context.globalAlpha = 1;
  }
}
