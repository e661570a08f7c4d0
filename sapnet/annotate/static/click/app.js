// The page: it assembles the parts. Other modes of the page (such as a review queue) receive `app`:
// the module named after the session's mode has a function start(app).

import { loadDocument, loadSession, request, Saver } from "../shared/api.js";
import { Ahead } from "./ahead.js";
import { bindKeys } from "./bindings.js";
import { colorOf, setUpClasses } from "./classes.js";
import { setUpConflict, setUpHelp, setUpTheme } from "../shared/dialogs.js";
import { HandTools, setUpHandButtons } from "../hand/tools.js";
import { Keys } from "../shared/keys.js";
import { ImageList } from "./list.js";
import { setUpLooks } from "./looks.js";
import { maskBox } from "../shared/masks.js";
import { askInBox, hideObject, keepMask } from "./objects.js";
import { Panel } from "./panel.js";
import { Pointer } from "./pointer.js";
import { Preview } from "./preview.js";
import { setUpExport, setUpProposer } from "./service.js";
import { Suggesting } from "../suggest/suggest.js";
import { Store } from "../shared/state.js";
import { Teaching } from "./teach.js";
import { View } from "../shared/view.js";

const TOAST_TIME = 2600; // ms
const element = (id) => document.getElementById(id);

class App {
  constructor(session) {
    this.session = session;
    this.mode = null; // functions of another mode: step, place, move, remove, undo and redo
    this.store = new Store(session);
    this.places = new Map(session.categories.map(({ id }, place) => [id, place]));
    this.view = new View(element("canvas"), this.store, (id) => this.colorOf(id));
    this.preview = new Preview(this.store, this.view);
    this.pointer = new Pointer(this.view, this.store, this);
    this.hand = this.pointer.hand = new HandTools(this);
    this.keys = new Keys(this.pointer);
    this.keys.takesTab = () => this.preview.candidates.length > 0;
    this.saver = new Saver(this.store);
    this.list = new ImageList(this);
    this.ahead = new Ahead(this);
    this.panel = new Panel(this);
    this.teaching = new Teaching(this);
    this.suggesting = new Suggesting(this);
    this.connect();
  }

  colorOf(id) {
    const place = this.places.get(id);
    return colorOf(this.store.categories[place], place);
  }
  nameOf(id) { return this.store.categories[this.places.get(id)].name; }

  maskBox(mask) { return maskBox(mask); }

  describe({ points, negative_points, mask, suggested, score }) {
    if (suggested) return `${score.toFixed(2)}?`;
    const parts = [];
    if (points.length > 1) parts.push(`${points.length} points`);
    if (negative_points.length) parts.push(`${negative_points.length} negative`);
    if (mask) parts.push("mask");
    return parts.join(", ");
  }

  connect() {
    const { store, saver, view } = this;
    store.addEventListener("change", ({ detail }) => saver.schedule(detail.name));
    store.addEventListener("objects", () => { view.invalidate(); this.updateButtons(); });
    store.addEventListener("selection", () => view.invalidate());
    store.addEventListener("image", () => this.showImage());
    store.addEventListener("problem", () => this.showProblem());
    saver.addEventListener("state", ({ detail }) => this.showSaving(detail));
    view.addEventListener("zoom", () => {
      element("zoom-fit").textContent = `${Math.round(view.zoom * 100)}%`;
    });
    view.tiles.addEventListener("failed", ({ detail }) => {
      if (detail.error instanceof TypeError) this.toast("The server does not answer");
      else store.reportProblem(detail.image.name, detail.error.message);
    });
    const clicks = {
      previous: () => this.step(-1), next: () => this.step(1), done: () => this.toggleDone(),
      undo: () => this.undo(), redo: () => this.redo(), delete: () => this.remove(),
      "zoom-in": () => view.zoomAt(view.zoom * 1.4), "zoom-out": () => view.zoomAt(view.zoom / 1.4),
      "zoom-fit": () => view.fit(), "toggle-list": () => this.toggleList(),
    };
    for (const [id, run] of Object.entries(clicks)) element(id).addEventListener("click", run);
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.addEventListener("click", () => this.setTool(button.dataset.tool));
    }
    setUpHandButtons(this);
    setUpLooks(this);
    // After a button was used with the mouse, keys still act on the image.
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (event.detail && button && !button.closest("dialog")) this.focusCanvas();
    });
    // A tab that becomes visible again shows changes that were saved elsewhere.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.refresh();
    });
  }

  // Shows other classes.
  takeClasses(categories) {
    const { store } = this;
    store.categories = categories;
    this.places = new Map(categories.map(({ id }, place) => [id, place]));
    if (!this.places.has(store.category)) store.category = categories.length ? categories[0].id : null;
    this.panel.buildClasses();
    if (store.held) store.emit("objects");
  }

  // Loads all documents anew, after the server changed them.
  async loadAgain(session) {
    const { store } = this;
    session.images.forEach((image, place) => Object.assign(store.images[place], image));
    store.emit("images");
    await this.open(store.place);
  }

  // --- images ---

  async open(place) {
    if (place < 0 || place >= this.store.images.length) return;
    this.wanted = place;
    const image = this.store.images[place];
    if (this.store.documents.has(image.name)) {
      this.store.show(place);
      this.refresh();
    } else {
      try {
        const answer = await loadDocument(image.name);
        if (this.wanted === place) this.store.show(place, answer);
      } catch (error) {
        this.toast(error.message);
      }
    }
  }

  step(by) {
    if (this.mode) {
      this.mode.step(by);
      return;
    }
    const place = this.list.neighbour(by);
    if (place < 0) this.toast(by > 0 ? "Last image of the list" : "First image of the list");
    else this.open(place);
  }

  showImage() {
    const { store, view } = this;
    const { image } = store;
    document.body.classList.remove("list-open");
    element("position").textContent = `${store.place + 1} / ${store.images.length}`;
    element("image-name").textContent = image.name;
    element("image-name").title = `${image.name}, ${image.width} × ${image.height} px`;
    document.title = `${image.name} – sapnet annotate`;
    history.replaceState(null, "", `#${encodeURIComponent(image.name)}`);
    view.isFitted = true;
    view.crosshair = null;
    view.fit();
    view.draw();
    this.showProblem();
    this.updateButtons();
    this.ahead.start(store.place);
  }

  async refresh() {
    const { held, image } = this.store;
    if (!held || held.isChanged || held.isConflicting) return;
    const answer = await loadDocument(image.name).catch(() => null);
    if (answer && answer.version !== held.version && !held.isChanged) {
      this.store.reload(image.name, answer);
    }
  }

  showProblem() {
    const { image } = this.store;
    element("problem").hidden = !image.problem;
    element("problem").textContent = image.problem;
  }

  toggleDone() {
    if (!this.store.held) return;
    this.store.setDone(!this.store.held.done);
    if (!this.store.held.done) return;
    const { open } = this.suggesting;
    if (open.length) this.toast(`Done; ${open.length} suggestions left undecided are no labels`);
    if (this.suggesting.isOn) this.suggesting.goOn();
    else this.step(1);
  }

  nextUnannotated() {
    const place = this.list.nextUnannotated();
    if (place < 0) this.toast("Every image is annotated");
    else this.open(place);
  }

  toggleList() {
    const isOpen = document.body.classList.toggle("list-open");
    element("toggle-list").setAttribute("aria-expanded", String(isOpen));
    this.list.follow();
  }

  // --- objects ---

  // True if new objects have a class; else asks for one.
  hasClass() {
    if (this.store.category !== null) return true;
    this.toast("First name a class");
    this.findClass();
    return false;
  }

  // Places a point; returns true on success. `kind` is new, add or negative.
  place(kind, point) {
    if (this.mode) return this.mode.place(kind, point);
    const { store } = this;
    if (!store.held || store.image.problem) return false;
    if (kind === "new" || (kind === "add" && !store.selectedObject)) {
      if (!this.hasClass()) return false;
      store.addObject(point);
    } else if (!store.addPoint(kind === "negative" ? "negative_points" : "points", point)) {
      this.toast("First select the object that this point does not belong to");
      return false;
    }
    const number = store.objects.indexOf(store.selectedObject) + 1;
    const what = kind === "negative" ? "negative point of" : kind === "add" ? "point of" : "";
    this.announce(`${what} object ${number}, ${this.nameOf(store.selectedObject.category_id)}`);
    return true;
  }

  selectObject(key) {
    const object = this.store.objects.find((entry) => entry.key === key);
    this.store.select({ key, kind: "points", index: 0 });
    this.view.reveal(object.points[0]);
    this.announce(`object ${this.store.objects.indexOf(object) + 1}, ${this.nameOf(object.category_id)}`);
  }

  stepObject(by) {
    const { objects, selectedObject } = this.store;
    if (!objects.length) return;
    const at = selectedObject ? objects.indexOf(selectedObject) + by : by > 0 ? 0 : -1;
    this.selectObject(objects[(at + objects.length) % objects.length].key);
  }

  relabel(id) {
    const object = this.store.selectedObject;
    const isChanged = object && object.category_id !== id;
    if (!this.store.relabel(id)) this.toast("Select an object first");
    else if (isChanged) {
      const number = this.store.objects.indexOf(this.store.selectedObject) + 1;
      this.toast(`Object ${number} is now ${this.nameOf(id)} (Undo takes it back)`);
    }
  }

  // A class was clicked: it is that of the next object, and of the one that is selected.
  chooseClass(id) {
    this.store.setCategory(id);
    if (this.store.selectedObject) this.relabel(id);
  }

  stepClass(by) {
    const { categories, category } = this.store;
    const at = this.places.get(category) + by;
    this.store.setCategory(categories[(at + categories.length) % categories.length].id);
    this.announce(this.nameOf(this.store.category));
  }

  movePoint(selected, point, options) {
    (this.mode || this.store).movePoint(selected, point, options);
  }

  remove() {
    if (this.mode) this.mode.remove();
    else this.store.deletePoint();
  }

  undo() {
    if (this.mode) this.mode.undo();
    else if (!this.store.undo()) this.toast("Nothing to undo");
  }

  redo() {
    if (this.mode) this.mode.redo();
    else if (!this.store.redo()) this.toast("Nothing to redo");
  }

  pin() {
    const object = this.store.selectedObject;
    if (object && object.suggested && this.preview.chosen < 0) this.suggesting.accept();
    else this.toast(this.preview.pin());
  }

  askInBox(box) { askInBox(this, box); }
  keep() { keepMask(this); }
  hide(key) { hideObject(this, key); }
  shadeOf(object) { return this.view.overlay.shadeOf(object); }

  setTool(tool) {
    this.hand.reset();
    this.pointer.tool = tool;
    this.view.canvas.dataset.tool = tool;
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-checked", String(button.dataset.tool === tool));
    }
  }

  focusCanvas() {
    this.view.canvas.dataset.used = "pointer";
    this.view.canvas.focus({ preventScroll: true });
  }

  // --- messages ---

  updateButtons() {
    const { held } = this.store;
    element("done").setAttribute("aria-pressed", String(Boolean(held && held.done)));
    element("undo").disabled = !held || !held.history.length;
    element("redo").disabled = !held || !held.undone.length;
    element("delete").disabled = !this.store.selectedObject;
  }

  showSaving({ state, message }) {
    const box = element("save-state");
    box.dataset.state = state;
    const text = { saved: "Saved", saving: "Saving…", failed: "Not saved" }[state];
    box.querySelector("span").textContent = text;
    box.title = message;
    if (state === "failed" && message !== this.lastFailure) this.toast(message);
    this.lastFailure = state === "failed" ? message : "";
  }

  toast(message) {
    const box = element("toast");
    box.textContent = message;
    box.hidden = false;
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => { box.hidden = true; }, TOAST_TIME);
  }

  announce(message) { element("announce").textContent = message; }
}

async function start() {
  setUpTheme();
  const session = await loadSession();
  const app = new App(session);
  app.findClass = setUpClasses(app);
  const showHelp = setUpHelp(app.keys);
  setUpConflict(app);
  bindKeys(app, { findClass: app.findClass, showHelp });
  window.sapnet = app; // for tests and for debugging
  app.store.addEventListener("selection", () => app.updateButtons());
  if (session.mode !== "annotate") {
    const mode = await import(`../${session.mode}/${session.mode}.js`);
    await mode.start(app);
    return;
  }
  app.takeClasses(await request("/api/classes"));
  setUpExport(app);
  setUpProposer(app);
  const named = app.store.places.get(decodeURIComponent(location.hash.slice(1)));
  const first = session.images.findIndex((image) => !image.objects && !image.done && !image.problem);
  const taught = named === undefined ? await app.suggesting.firstPlace() : -1;
  await app.open(named ?? (taught < 0 ? Math.max(first, 0) : taught));
  if (!app.store.categories.length) app.findClass();
}

start().catch((error) => {
  element("problem").hidden = false;
  element("problem").textContent = `The page could not start: ${error.message}`;
});
