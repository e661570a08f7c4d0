// Review of one label after another, the most uncertain first. Enter keeps the shown mask.
//
// The objects of a document have a `decision`: accepted, picked, clicked, deleted, or null if there
// is none. A decision changes the document, so the page's saving, undo and conflicts apply.

import { keepDocumentsAt, request } from "../shared/api.js";
import { Queue } from "./queue.js";
import { buildPanel, showObject } from "./review_panel.js";
import { bindReviewKeys } from "./review_keys.js";

const CLOSE_UP = 4; // side of the view relative to the side of the mask
const LEAST_CLOSE_UP = 1.3; // for a smaller zoom, the whole image is shown
const LARGEST_CLOSE_UP = 8; // CSS pixels per image pixel

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export async function start(app) {
  keepDocumentsAt("/api/review/document");
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: "/static/review/review.css" });
  document.head.append(style);
  document.body.classList.add("mode-review");
  const review = new Review(app, await request("/api/review/queue"));
  app.mode = review;
  buildPanel(review);
  bindReviewKeys(review);
  await review.open(review.queue.nextOpen() || review.queue.entries[0]);
}

export class Review {
  constructor(app, entries) {
    Object.assign(this, { app, store: app.store, trail: [], showsOthers: false });
    [this.answers, this.asked] = [new Map(), new Map()]; // candidates by object id
    this.places = new Map(entries.map((entry) => [entry.id, entry]));
    this.queue = new Queue(app, entries, (entry) => this.open(entry));
    app.preview.source = (object) => this.offer(object);
    app.view.overlay.hasMask = (object) => this.isMaskShown(object);
    this.store.addEventListener("objects", () => this.sync());
    this.store.addEventListener("image", () => this.sync());
    this.store.addEventListener("selection", () => this.follow());
    app.preview.addEventListener("candidates", () => showObject(this));
    // Redraws the candidates' pictures, which were drawn before the image was complete.
    app.view.tiles.addEventListener("loaded", () => {
      app.panel.drawnCandidates = null;
      app.panel.later();
    });
  }

  get object() { return this.store.selectedObject; }
  get entry() { return this.object && this.places.get(this.idOf(this.object)); }
  get answer() { return this.entry && this.answers.get(this.entry.id); }
  idOf(object) { return this.store.held.ids.get(object.key); }

  isMaskShown(object) {
    const isCurrent = this.object && object.key === this.object.key;
    return object.decision !== "deleted" && (isCurrent || this.showsOthers);
  }

  // --- going through the queue ---

  async open(entry) {
    if (!entry) return;
    this.wanted = entry;
    const place = this.store.places.get(entry.image);
    await Promise.all([place === this.store.place ? null : this.app.open(place), this.load(entry)]);
    if (this.wanted !== entry || this.store.place !== place) return;
    const object = this.store.objects.find((found) => this.idOf(found) === entry.id);
    if (!object) return;
    this.app.selectObject(object.key);
    this.closeUp();
    this.prepareNext();
  }

  step(by) {
    const entry = this.queue.neighbour(by);
    if (entry) this.open(entry);
    else this.app.toast(by > 0 ? "Last label of the list" : "First label of the list");
  }

  next() {
    const entry = this.queue.nextOpen();
    if (entry) this.open(entry);
    else this.app.toast("Every label is decided");
  }

  prepareNext() {
    const next = this.queue.nextOpen();
    if (!next) return;
    this.app.view.tiles.prefetch(this.store.images[this.store.places.get(next.image)]);
    this.load(next);
  }

  // Makes the selected object the current one.
  follow() {
    const { entry, queue } = this;
    if (entry) {
      queue.show(entry);
      this.load(entry);
      const place = queue.entries.indexOf(entry) + 1;
      document.getElementById("position").textContent = `${place} / ${queue.entries.length}`;
      document.title = `${this.app.nameOf(entry.category_id)} ${place} – sapnet review`;
    }
    showObject(this);
  }

  // Copies the decisions of the documents to the queue; some may have been loaded again.
  sync() {
    let isChanged = false;
    for (const held of this.store.documents.values()) {
      for (const object of held.objects) {
        const entry = this.places.get(held.ids.get(object.key));
        if (!entry || entry.decision === object.decision) continue;
        entry.decision = object.decision;
        isChanged = true;
      }
    }
    if (isChanged) this.queue.update();
    showObject(this);
  }

  // Zooms to the mask so that its outline can be judged.
  closeUp() {
    const { view } = this.app;
    const box = this.object && this.object.mask && this.app.maskBox(this.object.mask);
    view.fit();
    if (!box) return;
    const { width, height } = view.image;
    const [x1, y1, x2, y2] = [box[0] * width, box[1] * height, box[2] * width, box[3] * height];
    const sides = [view.width / (x2 - x1), view.height / (y2 - y1)];
    const zoom = Math.min(Math.min(...sides) / CLOSE_UP, LARGEST_CLOSE_UP);
    if (zoom < LEAST_CLOSE_UP * view.zoom) return;
    view.zoomAt(zoom);
    const [x, y] = view.toScreen([(x1 + x2) / 2, (y1 + y2) / 2]);
    view.pan(view.width / 2 - x, view.height / 2 - y);
  }

  // --- candidates ---

  load(entry) {
    if (this.answers.has(entry.id)) return Promise.resolve();
    if (!this.asked.has(entry.id)) this.asked.set(entry.id, this.ask(entry));
    return this.asked.get(entry.id);
  }

  async ask(entry) {
    try {
      this.answers.set(entry.id, await request("/api/review/candidates", { query: { object_id: entry.id } }));
      if (this.entry === entry) this.app.preview.update();
    } catch (error) {
      this.app.toast(error.message);
    } finally {
      this.asked.delete(entry.id);
    }
  }

  isClickedAgain(object) {
    const answer = this.answers.get(this.idOf(object));
    return Boolean(answer) && !(same(object.points, answer.points)
      && same(object.negative_points, answer.negative_points));
  }

  // Shows the candidates of the label; for a new click, the proposer's instead.
  offer(object) {
    const { preview } = this.app;
    const id = this.idOf(object);
    const answer = this.answers.get(id);
    if (!answer) {
      preview.clear();
      preview.message = "looking…";
      return true;
    }
    if (this.isClickedAgain(object)) return false;
    const question = `label ${id} ${object.mask ? object.mask.counts : ""}`;
    if (preview.question === question) {
      preview.show();
      return true;
    }
    preview.clear();
    Object.assign(preview, { question, key: object.key });
    const shown = answer.candidates.findIndex(({ mask }) => object.mask && mask.counts === object.mask.counts);
    preview.setCandidates(answer.candidates, shown);
    return true;
  }

  // --- decisions ---

  apply(object, selected, options = {}) {
    this.store.replace(object, selected, options);
    if (!options.merge) this.trail.push(this.idOf(object));
  }

  decide(change) {
    this.apply({ ...this.object, ...change }, this.store.selected);
    this.next();
  }

  // Keeps the shown mask as the object's label.
  keep() {
    const { object, answer } = this;
    const { preview } = this.app;
    if (!object || !answer) return;
    const candidate = preview.candidates[preview.chosen];
    const mask = candidate ? candidate.mask : object.mask;
    if (!mask) {
      this.app.toast(preview.message || "No mask yet: click the object again");
      return;
    }
    const isLabel = mask.counts === answer.candidates[answer.chosen].mask.counts;
    const isOffered = answer.candidates.some((other) => other.mask.counts === mask.counts);
    const byHand = isOffered || candidate ? "picked" : "drawn";
    const decision = this.isClickedAgain(object) ? "clicked" : isLabel ? "accepted" : byHand;
    this.decide({ mask, decision });
  }

  remove() {
    if (this.object) this.decide({ decision: "deleted" });
  }

  // Restores the original label, without a decision.
  reopen() {
    const { object, answer } = this;
    if (!object || !answer) return;
    const { mask } = answer.candidates[answer.chosen];
    const { points, negative_points } = answer;
    this.apply({ ...object, points, negative_points, mask, decision: null }, { ...this.store.selected, kind: "points", index: 0 });
  }

  // Replaces the click of the object; its mask must be chosen again.
  place(kind, point, box = null) {
    const { object } = this;
    if (!object || !this.answer) return false;
    if (!this.store.session.proposer) {
      this.app.toast("Nobody proposes for new clicks (--proposer none)");
      return false;
    }
    const points = { add: [...object.points, point], negative: object.points }[kind] || [point];
    const negative_points = {
      add: object.negative_points, negative: [...object.negative_points, point],
    }[kind] || [];
    const where = kind === "negative" ? "negative_points" : "points";
    const index = (kind === "negative" ? negative_points : points).length - 1;
    this.apply(
      { ...object, points, negative_points, box: box || object.box, mask: null, decision: null },
      { key: object.key, kind: where, index },
    );
    return true;
  }

  // Takes a mask drawn by hand; Enter keeps it.
  draw(mask, options) {
    if (!this.object) return;
    this.app.preview.chosen = -1;
    this.apply({ ...this.object, mask, decision: null }, this.store.selected, options);
  }

  movePoint(selected, point, options) {
    const object = this.store.objects.find((entry) => entry.key === selected.key);
    const points = object[selected.kind].map((old, i) => (i === selected.index ? point : old));
    this.apply({ ...object, [selected.kind]: points, mask: null, decision: null }, selected, options);
  }

  async undo() {
    const id = this.trail.pop();
    if (id === undefined) {
      this.app.toast("Nothing to undo");
      return;
    }
    await this.open(this.places.get(id));
    this.store.undo();
    this.follow();
  }

  redo() {
    if (this.store.redo()) this.trail.push(this.entry.id);
    else this.app.toast("Nothing to redo");
  }

  choose(place) {
    if (place < this.app.preview.candidates.length) this.app.preview.choose(place);
  }

  toggleOthers() {
    this.showsOthers = !this.showsOthers;
    this.app.view.invalidate();
    this.app.toast(this.showsOthers ? "Labels of the other objects, too" : "This label alone");
  }
}
