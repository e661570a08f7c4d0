// Candidate masks of the selected object: requested in the background, cycled and pinned.

import { askPreview } from "../shared/api.js";

const ASK_DELAY = 25; // ms; a drag or a burst of clicks sends one request

// Emits "candidates" when the candidates to show change.
export class Preview extends EventTarget {
  constructor(store, view) {
    super();
    this.store = store;
    this.view = view;
    this.isOn = Boolean(store.session.proposer);
    this.source = null; // function of another mode that shows candidates of the selected object; returns true if it has any
    this.clear();
    store.addEventListener("image", () => this.clear());
    store.addEventListener("objects", () => this.update());
    store.addEventListener("selection", () => this.update());
  }

  clear() {
    if (this.pending) this.pending.abort();
    clearTimeout(this.timer);
    Object.assign(this, { candidates: [], chosen: -1, question: "", key: null, pending: null, message: "" });
    this.show();
  }

  // Returns everything that the candidates depend on, as text; equal requests are sent once.
  questionOf(object) {
    const prompts = this.store.objects.map((entry) => [
      entry.points, entry.negative_points, entry.category_id, entry.key === object.key,
    ]);
    return JSON.stringify([this.store.image.name, prompts]);
  }

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
    this.clear();
    Object.assign(this, { question, key: object.key, message: "looking…" });
    this.timer = setTimeout(() => this.ask(question), ASK_DELAY);
    this.show();
  }

  async ask(question) {
    const { held, objects, image } = this.store;
    const place = objects.findIndex((object) => object.key === this.key);
    if (place < 0) return;
    this.pending = new AbortController();
    const wire = held.wire().map(({ mask, ...object }) => object); // masks do not matter for candidates
    try {
      const answer = await askPreview(image.name, wire, place, this.pending.signal);
      if (question !== this.question || answer.stale) return;
      this.setCandidates(answer.candidates);
    } catch (error) {
      if (error.name === "AbortError" || question !== this.question) return;
      this.message = error.status ? error.message : "no answer from the server";
      this.question = ""; // the next click sends the request again
      this.show();
    }
  }

  // Shows candidates [{ mask, score, prompt }]; `chosen` is the one on the image, -1 the pinned mask.
  setCandidates(candidates, chosen) {
    this.candidates = candidates;
    this.message = candidates.length ? "" : "none found";
    const object = this.store.selectedObject;
    this.chosen = chosen ?? (object && object.mask ? -1 : candidates.length ? 0 : -1);
    this.show();
  }

  show() {
    const candidate = this.candidates[this.chosen];
    const object = this.store.selectedObject;
    const isShown = candidate && object && object.key === this.key;
    this.view.candidate = isShown ? { key: this.key, mask: candidate.mask } : null;
    this.view.invalidate();
    this.dispatchEvent(new CustomEvent("candidates"));
  }

  get isPinned() {
    const object = this.store.selectedObject;
    return Boolean(object && object.mask && (this.chosen < 0 || object.mask === this.candidates[this.chosen].mask));
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
    this.choose(this.chosen < 0 ? (step > 0 ? 0 : count - 1) : (this.chosen + step + count) % count);
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
    this.store.setMask(object.key, candidate.mask);
    return "Mask pinned: it is this object's label";
  }

  toggle() {
    this.isOn = Boolean(this.store.session.proposer) && !this.isOn;
    this.update();
    return this.isOn;
  }
}
