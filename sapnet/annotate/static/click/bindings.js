// Key bindings of the annotation page.

import { bindHandKeys } from "../hand/tools.js";
import { bindSuggestKeys } from "../suggest/suggest.js";
import { nextStyle } from "./looks.js";

const CROSSHAIR_STEP = 10; // CSS pixels, growing while a key is held
const CROSSHAIR_FASTEST = 60;
const ZOOM_STEP = 1.4;

export function bindKeys(app, { findClass, showHelp }) {
  const { keys, store, view, preview } = app;
  const withClass = (digit, run) => () => {
    const category = store.categories[digit - 1]; // classes come and go while the page is open
    if (category) run(category.id);
  };

  keys.add("Click", [
    ["Click", "New object of the current class; hold to adjust it"],
    ["shift+Click", "One more point on the selected object"],
    ["alt+Click", "Negative point: not part of the object (right click, too)"],
    ["Drag", "Move a point"],
    ["Backspace Delete", "Delete the selected point, or its object", () => store.deletePoint(), "Backspace"],
    ["shift+Backspace shift+Delete", "Delete the selected object", () => {
      if (store.selectedObject) store.deleteObject(store.selected.key);
    }, "shift+Backspace"],
    ["ctrl+z", "Undo", () => app.undo()],
    ["ctrl+shift+z ctrl+y", "Redo", () => app.redo(), "ctrl+shift+z"],
  ]);
  for (let digit = 1; digit <= 9; digit++) {
    keys.bindings.set(String(digit), withClass(digit, (id) => store.setCategory(id)));
    keys.bindings.set(`shift+${digit}`, withClass(digit, (id) => app.relabel(id)));
  }
  keys.add("Classes", [
    ["1–9", "Class of the next click"],
    ["shift+1–9", "Give the selected object that class; a click on the class does, too"],
    ["[ ]", "Previous, next class", undefined],
    ["/", "Find a class by name, or create one", findClass],
    ["r", "Give the selected object the current class", () => app.relabel(store.category)],
  ]);
  keys.bindings.set("[", () => app.stepClass(-1));
  keys.bindings.set("]", () => app.stepClass(1));
  keys.add("Candidate masks", [
    ["Enter", "Keep the mask that is shown, and go on to the next object without one", () => {
      if (view.crosshair) placeAtCrosshair(app, pointTool(app));
      else app.keep();
    }],
    ["Tab c", "Next candidate", () => preview.cycle(1)],
    ["shift+Tab shift+c", "Previous candidate", () => preview.cycle(-1)],
    ["p", "Pin the candidate as the object's mask, or let it go", () => app.pin()],
    ["v", "Preview on or off", () => {
      const isOn = preview.toggle();
      app.toast(store.session.proposer ? `Preview ${isOn ? "on" : "off"}` : "No proposer: --proposer none");
    }],
  ]);
  keys.add("Images", [
    ["ArrowRight ArrowDown", "Next image of the list", () => app.step(1), "ArrowRight"],
    ["ArrowLeft ArrowUp", "Previous image of the list", () => app.step(-1), "ArrowLeft"],
    ["u", "Next image without objects", () => app.nextUnannotated()],
    ["d", "Done: every object of this image is clicked, or there is none; on to the next", () => app.toggleDone()],
  ]);
  bindSuggestKeys(app);
  bindHandKeys(app);
  keys.add("View", [
    ["Wheel", "Zoom at the cursor"],
    ["Space+Drag", "Pan (middle button, too)"],
    ["+ =", "Zoom in", () => view.zoomAt(view.zoom * ZOOM_STEP, focus(view)), "+"],
    ["-", "Zoom out", () => view.zoomAt(view.zoom / ZOOM_STEP, focus(view))],
    ["0", "Fit the image", () => view.fit()],
    ["w", "Masks, outlines, none", () => nextStyle(app)],
    ["shift+h", "Hide or show the selected object", () => app.hide()],
    ["h", "Hide or show the points", () => {
      view.hidesMarks = !view.hidesMarks;
      view.invalidate();
    }],
  ]);
  keys.add("Without a mouse", [
    ["shift+ArrowLeft shift+ArrowRight shift+ArrowUp shift+ArrowDown", "Move the crosshair; zoom in for finer steps",
      (event) => moveCrosshair(view, event), "shift+←↑→↓"],
    ["Enter", "Place a point at the crosshair"],
    ["shift+Enter", "One more point there", () => placeAtCrosshair(app, "add")],
    ["alt+Enter", "Negative point there", () => placeAtCrosshair(app, "negative")],
    ["m", "Move the selected point to the crosshair", () => {
      if (view.crosshair && store.selectedObject) store.movePoint(store.selected, view.round(view.crosshair));
    }],
    [", .", "Previous, next object", undefined],
    ["Escape", "Select nothing", () => {
      view.crosshair = null;
      store.select(null);
    }],
  ]);
  keys.bindings.set(",", () => app.stepObject(-1));
  keys.bindings.set(".", () => app.stepObject(1));
  keys.add("Help", [["?", "This list", showHelp]]);
}

// Position at which the keyboard zooms: the crosshair if there is one.
function focus(view) {
  return view.crosshair ? view.toScreen(view.crosshair) : undefined;
}

const pointTool = ({ pointer }) => (["add", "negative"].includes(pointer.tool) ? pointer.tool : "new");

let speed = CROSSHAIR_STEP;

function moveCrosshair(view, event) {
  if (!view.image) return;
  speed = event.repeat ? Math.min(speed + 2, CROSSHAIR_FASTEST) : CROSSHAIR_STEP;
  const step = speed / view.zoom;
  const [dx, dy] = {
    ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
  }[event.key];
  const [x, y] = view.crosshair || view.toImage([view.width / 2, view.height / 2]);
  view.crosshair = view.round([x + dx, y + dy]);
  view.reveal(view.crosshair);
  view.invalidate();
}

function placeAtCrosshair(app, kind) {
  const { view } = app;
  if (!view.crosshair) app.toast("Shift and arrow keys bring the crosshair");
  else if (view.isInside(view.crosshair)) app.place(kind, view.round(view.crosshair));
}
