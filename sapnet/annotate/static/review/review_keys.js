// Key bindings of a review, which replace those for annotating.

import { bindHandKeys } from "../hand/tools.js";
import { nextStyle } from "../click/looks.js";

const ZOOM_STEP = 1.4;

export function bindReviewKeys(review) {
  const { app } = review;
  const { keys, preview, view } = app;
  keys.groups.length = 0;
  const help = keys.bindings.get("?");
  keys.bindings.clear();
  keys.add("Decide", [
    ["Enter a", "Keep the mask that is shown, and go on", () => review.keep(), "Enter"],
    ["Tab c", "Next candidate", () => preview.cycle(1)],
    ["shift+Tab shift+c", "Previous candidate", () => preview.cycle(-1)],
    ["1–9", "Candidate by its place"],
    ["x Backspace Delete", "Delete: this is no object", () => review.remove(), "X"],
    ["r", "Back to the label, undecided", () => review.reopen()],
    ["ctrl+z", "Undo, wherever it was", () => review.undo()],
    ["ctrl+shift+z ctrl+y", "Redo", () => review.redo(), "ctrl+shift+z"],
  ]);
  for (let digit = 1; digit <= 9; digit++) {
    keys.bindings.set(String(digit), () => review.choose(digit - 1));
  }
  keys.add("Click again", [
    ["Click", "The object is here: new candidates"],
    ["shift+Click", "One more point on it"],
    ["alt+Click", "Negative point: not part of it (right click, too)"],
    ["Drag", "Move a point"],
  ]);
  bindHandKeys(app);
  keys.add("Go on without deciding", [
    ["ArrowRight ArrowDown", "Next label of the list", () => review.step(1), "ArrowRight"],
    ["ArrowLeft ArrowUp", "Previous label of the list", () => review.step(-1), "ArrowLeft"],
    ["n", "Next label that is not decided", () => review.next()],
  ]);
  keys.add("View", [
    ["Wheel", "Zoom at the cursor"],
    ["Space+Drag", "Pan (middle button, too)"],
    ["+ =", "Zoom in", () => view.zoomAt(view.zoom * ZOOM_STEP), "+"],
    ["-", "Zoom out", () => view.zoomAt(view.zoom / ZOOM_STEP)],
    ["0", "Fit the image", () => view.fit()],
    ["f", "Close up of the object", () => review.closeUp()],
    ["w", "Masks, outlines, none", () => nextStyle(app)],
    ["o", "Labels of the other objects, too", () => review.toggleOthers()],
  ]);
  keys.add("Help", [["?", "This list", help]]);
}
