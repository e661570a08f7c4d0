// Candidate masks of the selected object: requested in the background, cycled and pinned.

import { Columns } from "../hand/columns.js";
import { askPreview } from "../shared/api.js";

const ASK_DELAY = 25; // ms; a drag or a burst of further clicks sends one request

// Emits "candidates" when the candidates to show change.
export class Preview extends EventTarget {
  constructor(store, view) {
    super();
    this.store = store;
    this.view = view;
    this.isOn = Boolean(store.session.proposer);
    this.every = null; // key of the object that shows also the candidates that differ little
    this.withheld = 0; // how many of those there are
    this.source = null; // function of another mode that shows candidates of the selected object; returns true if it has any
    this.clear();
    store.addEventListener("image", () => this.clear());
    store.addEventListener("objects", () => this.update());
    store.addEventListener("selection", () => this.update());
  }

  clear() {
    if (this.pending) this.pending.abort();
    clearTimeout(this.timer);
    Object.assign(this, { candidates: [], chosen: -1, question: "", key: null, pending: null, message: "", withheld: 0, wanted: undefined });
    this.view.waiting = null;
    this.show();
  }

  // Returns everything that the candidates depend on, as text; equal requests are sent once.
  questionOf(object) {
    const prompts = this.askedWith(object.key).map((entry) => [
      entry.points, entry.negative_points, entry.box, entry.category_id, entry.key === object.key,
    ]);
    return JSON.stringify([this.store.image.name, prompts, this.every === object.key]);
  }

  // The objects that candidates of one of them may depend on: not the suggestions.
  askedWith(key) { return this.store.objects.filter((entry) => !entry.suggested || entry.key === key); }

  update({ force = false } = {}) {
    const object = this.store.selectedObject;
    if (object && !force && this.source && this.source(object)) return;
    if (!this.isOn || !object || (object.mask && !force && this.key !== object.key)) {
      this.clear();
      return;
    }
    const question = this.questionOf(object);
    if (question === this.question) {
      this.show();
      return;
    }
    const delay = this.key === object.key ? ASK_DELAY : 0; // a new object is asked for at once
    this.clear();
    Object.assign(this, { question, key: object.key, message: "looking…" });
    this.view.waiting = object.key;
    this.timer = setTimeout(() => this.ask(question), delay);
    this.show();
  }

  async ask(question) {
    const { held, image } = this.store;
    const objects = this.askedWith(this.key);
    const place = objects.findIndex((object) => object.key === this.key);
    if (place < 0) return;
    this.pending = new AbortController();
    const wire = held.wire(objects).map(({ mask, ...object }) => object); // masks do not matter for candidates
    try {
      const answer = await askPreview(image.name, { objects: wire, selected: place, every: this.every === this.key }, this.pending.signal);
      if (question !== this.question || answer.stale) return;
      this.withheld = answer.withheld;
      this.setCandidates(answer.candidates, this.wanted < answer.candidates.length ? this.wanted : undefined);
    } catch (error) {
      if (error.name === "AbortError" || question !== this.question) return;
      this.message = error.status ? error.message : "no answer from the server";
      this.question = ""; // the next click sends the request again
      this.view.waiting = null;
      this.show();
    }
  }

  // Shows candidates [{ mask, score, prompt }]; `chosen` is the one on the image, -1 the pinned mask.
  setCandidates(candidates, chosen) {
    this.candidates = candidates;
    this.view.waiting = null;
    this.message = candidates.length ? "" : "none found";
    const object = this.store.selectedObject;
    this.chosen = chosen ?? (object && object.mask ? -1 : candidates.length ? 0 : -1);
    this.show();
  }

  show() {
    const candidate = this.candidates[this.chosen];
    const object = this.store.selectedObject;
    const isShown = candidate && object && object.key === this.key;
    const { overlay } = this.view;
    overlay.candidate = isShown ? { key: this.key, mask: candidate.mask } : null;
    if (isShown) overlay.shown.set(this.key, candidate.mask);
    this.view.invalidate();
    this.dispatchEvent(new CustomEvent("candidates"));
  }

  get isPinned() {
    const object = this.store.selectedObject;
    return Boolean(object && object.mask && !object.suggested && (this.chosen < 0 || object.mask === this.candidates[this.chosen].mask));
  }

  choose(place) {
    this.chosen = place;
    this.show();
  }

  cycle(step) {
    const object = this.store.selectedObject;
    if (!object) return;
    if (!this.candidates.length) {
      this.update({ force: true });
      return;
    }
    const count = this.candidates.length;
    if (step > 0 && this.chosen === count - 1 && this.withheld) {
      this.showEvery(count);
      return;
    }
    this.choose(this.chosen < 0 ? (step > 0 ? 0 : count - 1) : (this.chosen + step + count) % count);
  }

  // Shows all candidates of the object, also those that differ little, and one of them on the image.
  showEvery(place = this.chosen) {
    this.every = this.key;
    this.update({ force: true });
    this.wanted = place;
  }

  // Pins the shown candidate as the object's mask, or removes a pin. Returns a message.
  pin() {
    const object = this.store.selectedObject;
    if (!object) return "Select an object first";
    if (this.isPinned) {
      this.store.setMask(object.key, null);
      this.update({ force: true });
      return "Mask unpinned";
    }
    const candidate = this.candidates[this.chosen];
    if (!candidate) return "No candidate mask yet";
    this.store.replace({ ...object, points: this.pointsFor(object, candidate.mask), mask: candidate.mask });
    return "Mask pinned: it is this object's label";
  }

  // The middle of a dragged box may lie beside the object: then a point inside of the mask stands for it.
  pointsFor(object, mask) {
    const [x, y] = object.points[0];
    const columns = object.box && object.points.length === 1 && Columns.from(mask, this.store.image);
    const isOff = columns && !columns.isEmpty && !columns.has(Math.floor(x), Math.floor(y));
    return isOff ? [columns.insidePoint()] : object.points;
  }

  toggle() {
    this.isOn = Boolean(this.store.session.proposer) && !this.isOn;
    this.update();
    return this.isOn;
  }
}
