// The box prompt: a box dragged round an object asks for its candidate masks.

import { drawBox } from "../shared/draw.js";

const LEAST = 4; // CSS pixels; a shorter drag is no box

export class Box {
  constructor(hand) {
    Object.assign(this, { hand, view: hand.view });
    this.cancel();
  }

  cancel() { Object.assign(this, { start: null, end: null }); }

  down(event, position) {
    if (this.hand.app.mode || this.hand.app.hasClass()) this.start = this.end = position;
  }

  move(event, position) {
    if (this.start) this.end = position;
  }

  up(event) {
    const { start, end, view } = this;
    this.cancel();
    if (!start || Math.min(Math.abs(end[0] - start[0]), Math.abs(end[1] - start[1])) < LEAST) {
      if (event.ctrlKey || event.metaKey) this.hand.app.setTool("new");
      return;
    }
    const [a, b] = [view.round(view.toImage(start)), view.round(view.toImage(end))];
    const box = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
    this.hand.app.setTool("new"); // a box is asked for once; the next click is a click again
    this.hand.app.askInBox(box);
  }

  hover() {}

  draw(context) {
    if (!this.start) return;
    const [[x1, y1], [x2, y2]] = [this.start, this.end];
    const [left, top] = [Math.min(x1, x2), Math.min(y1, y2)];
    drawBox(context, [left, top], [Math.max(x1, x2), Math.max(y1, y2)], "#fff");
  }
}
