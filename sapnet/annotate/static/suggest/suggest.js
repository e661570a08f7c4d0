// Suggestions: what a trained run sees on the image and no object explains, decided one by one.
//
// A suggestion is an object with `suggested` that is not saved until it is accepted or changed by
// hand. Each has a `number`, by which the server knows which ones were dismissed; also in other
// tabs, whose decisions hold here, too.

import { Columns } from "../hand/columns.js";
import { request } from "../shared/api.js";

const ASK_AGAIN = 600; // ms, while the image is looked at
const LOOK_EVERY = 2000; // ms between two looks at the progress
const element = (id) => document.getElementById(id);
const first = (object) => (object ? { key: object.key, kind: "points", index: 0 } : null);

export class Suggesting {
  constructor(app) {
    Object.assign(this, { app, store: app.store, isOn: Boolean(app.session.run), isLooking: false, asked: "" });
    if (!this.isOn) return;
    const { store } = this;
    element("suggest").hidden = false;
    element("suggest-title").title = `Seen by ${app.session.run}`;
    const clicks = {
      accept: () => this.accept(), delete: () => this.reject(), next: () => this.goOn(), missed: () => this.goOn("missed"),
    };
    for (const [id, run] of Object.entries(clicks)) element(`suggest-${id}`).addEventListener("click", run);
    store.explains = (point, entry) => Boolean(entry.suggested) && this.holds(entry, point);
    store.addEventListener("image", () => this.load());
    for (const name of ["objects", "selection"]) store.addEventListener(name, () => this.show());
    store.addEventListener("objects", () => {
      if (store.held && !store.held.offered && this.asked !== store.image.name) this.load(); // loaded again
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.load(); // decided elsewhere meanwhile
    });
    this.lookOn();
  }

  get open() { return this.store.objects.filter(({ suggested }) => suggested); }

  holds({ mask }, [x, y]) {
    return Columns.from(mask, this.store.image).has(Math.floor(x), Math.floor(y));
  }

  // Shows the suggestions of the image as soon as it was looked at, and drops those decided elsewhere.
  async load() {
    clearTimeout(this.timer);
    const { image, held } = this.store;
    this.isLooking = false;
    if (!image || image.problem || !held) {
      this.show();
      return;
    }
    this.asked = image.name;
    const answer = await request("/api/suggest/image", { query: { image: image.name } }).catch(() => null);
    if (this.store.image !== image || this.store.held !== held) return;
    this.asked = "";
    if (answer && answer.ready) this.take(held, answer);
    else if (!held.offered) {
      this.isLooking = true;
      this.timer = setTimeout(() => this.load(), ASK_AGAIN);
    }
    this.show();
  }

  take(held, { suggestions, dismissed }) {
    const isFirst = !held.offered;
    const points = held.kept.flatMap((object) => object.points);
    const isNew = (entry) => !(held.offered && held.offered.has(entry.number))
      && !points.some((point) => this.holds(entry, point)); // of clicks not saved yet
    const wasTouched = held.kept.length > 0 || held.done;
    const listed = new Set(suggestions.map(({ number }) => number));
    // With all saved, what the server no longer lists was accepted elsewhere, or is of another run.
    const gone = held.isChanged ? [] : this.open.map(({ number }) => number).filter((number) => !listed.has(number));
    this.store.withdraw(this.store.image.name, [...dismissed, ...gone]);
    const added = suggestions.filter(isNew);
    if (!isFirst && !added.length) return;
    held.offer(added);
    if (isFirst && !wasTouched && !this.store.selected) this.store.select(first(this.open[0]));
    this.store.emit("objects");
    if (isFirst) this.lookAhead();
  }

  // Asks that the next image of the list is looked at, too.
  lookAhead() {
    const next = this.store.images[this.app.list.neighbour(1)];
    if (next && !next.problem) request("/api/suggest/image", { query: { image: next.name } }).catch(() => {});
  }

  accept() {
    const object = this.store.selectedObject;
    if (!object || !object.suggested) {
      if (this.open.length) this.app.selectObject(this.open[0].key);
      else this.app.toast(this.isLooking ? "This image is being looked at" : "No suggestion on this image");
      return;
    }
    const next = this.after(object);
    this.store.accept([object.key], first(next));
    this.tell("accepted", object, next);
  }

  acceptAll() {
    const { open } = this;
    if (!open.length) this.app.toast("No suggestion on this image");
    else this.store.accept(open.map(({ key }) => key), null);
    if (open.length) this.app.toast(`Accepted: ${open.length} (Undo takes them back)`);
  }

  reject() {
    const object = this.store.selectedObject;
    if (!object) {
      this.app.toast("Select a suggestion or an object first");
      return;
    }
    const next = object.suggested && this.after(object);
    this.store.deleteObject(object.key);
    if (!object.suggested) return;
    this.store.select(first(next));
    this.tell("deleted", object, next);
  }

  // The next suggestion after an object, from the first again after the last.
  after(object) {
    const others = this.open.filter((other) => other !== object);
    const at = this.store.objects.indexOf(object);
    return others.find((other) => this.store.objects.indexOf(other) > at) || others[0];
  }

  tell(what, object, next) {
    const { app } = this;
    if (next) app.view.reveal(next.points[0]);
    else app.toast("Every suggestion of this image is decided. D: done, and on to the next");
    app.announce(`${app.nameOf(object.category_id)} ${what}${next ? `; next: ${app.nameOf(next.category_id)}` : ""}`);
  }

  // Opens the untouched image where a correction teaches most, or one with an object likely missed.
  async goOn(kind = "teach") {
    const { app, store } = this;
    const asked = { image: store.image ? store.image.name : "", kind };
    const answer = await request("/api/suggest/next", { query: asked }).catch(() => ({}));
    const place = store.places.get(answer.image) ?? -1;
    if (place >= 0) {
      await app.open(place);
      if (kind === "missed") await this.pick();
    } else if (kind === "missed") app.toast("No other image with an object that was likely missed");
    else app.nextUnannotated();
  }

  // The first image of a session; -1 if none was looked at yet.
  async firstPlace() {
    if (!this.isOn) return -1;
    const query = { image: "", kind: "teach" };
    const answer = await request("/api/suggest/next", { query }).catch(() => ({}));
    return this.store.places.get(answer.image) ?? -1;
  }

  async pick() {
    await this.load();
    if (this.open.length) this.app.selectObject(this.open[0].key);
  }

  // --- what is shown ---

  show() {
    const { app, open } = this;
    const { selectedObject } = this.store;
    const isHere = Boolean(selectedObject && selectedObject.suggested);
    element("suggest-count").textContent = this.isLooking ? "looking…" : open.length ? `${open.length} to decide` : "none open";
    element("suggest-actions").hidden = !open.length;
    element("suggest-delete").disabled = !isHere;
    element("suggest-accept").firstChild.textContent = isHere ? "Accept " : "Show the first ";
    element("suggest-what").hidden = !isHere;
    if (isHere) element("suggest-what").textContent = `${app.nameOf(selectedObject.category_id)}, score ${selectedObject.score.toFixed(2)}`;
  }

  async lookOn() {
    const state = document.visibilityState === "visible" ? await request("/api/suggest").catch(() => null) : null;
    if (state) this.showProgress(state);
    if (!state || state.looked < state.total) setTimeout(() => this.lookOn(), LOOK_EVERY);
  }

  showProgress({ looked, total, message }) {
    element("suggest-progress").textContent = `${looked} of ${total} images looked at`;
    element("suggest-bar").hidden = looked >= total;
    element("suggest-bar").value = total ? looked / total : 1;
    element("suggest-message").hidden = !message;
    if (element("suggest-message").textContent !== message) element("suggest-message").textContent = message;
  }
}

export function bindSuggestKeys(app) {
  const { keys, suggesting } = app;
  if (!suggesting.isOn) return;
  keys.add("Suggestions", [
    ["a", "Accept the suggestion: it becomes an object with its click and its mask", () => suggesting.accept()],
    ["x", "Delete the suggestion (or the selected object)", () => suggesting.reject()],
    ["shift+a", "Accept all suggestions of this image", () => suggesting.acceptAll()],
    ["u", "On to the untouched image where a correction teaches most", () => suggesting.goOn()],
    ["n", "On to an object that was likely missed, on any image", () => suggesting.goOn("missed")],
  ]);
}
