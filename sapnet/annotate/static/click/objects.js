// What can be done with the objects of the shown image, beyond their points.

// Asks for candidates in a dragged box: of the selected object if it has no mask and lies inside.
export function askInBox(app, box) {
  const { store, view } = app;
  const [x1, y1, x2, y2] = box;
  const point = view.round([(x1 + x2) / 2, (y1 + y2) / 2]);
  if (app.mode) {
    app.mode.place("box", point, box);
    return;
  }
  if (!app.session.proposer) app.toast("Nobody proposes masks (--proposer none); the box is kept");
  const object = store.selectedObject;
  const isInside = ([x, y]) => x >= x1 && x <= x2 && y >= y1 && y <= y2;
  if (object && !object.mask && object.points.every(isInside)) store.replace({ ...object, box });
  else store.addObject(point, { box });
}

// Keeps the shown mask of the selected object and goes on to the next one without a mask.
export function keepMask(app) {
  const { store, preview } = app;
  const object = store.selectedObject;
  if (!object) {
    app.toast("Select an object first");
    return;
  }
  if (object.suggested && preview.chosen < 0) {
    app.suggesting.accept();
    return;
  }
  if (!preview.isPinned) {
    if (!preview.candidates[preview.chosen]) {
      app.toast(preview.message || "No candidate mask: draw it, or click on the object");
      return;
    }
    preview.pin();
  }
  const at = store.objects.findIndex(({ key }) => key === object.key);
  const open = ({ mask }) => !mask;
  const next = store.objects.slice(at).find(open) || store.objects.find(open);
  if (next) app.selectObject(next.key);
  else {
    store.select(null);
    app.toast("Kept. Every object of this image has its mask");
  }
}

// Hides or shows an object, the selected one unless another is named.
export function hideObject(app, key = app.store.selected && app.store.selected.key) {
  if (!key) {
    app.toast("Select an object first");
    return;
  }
  app.view.overlay.toggle(key);
  app.view.invalidate();
  app.panel.later();
}
