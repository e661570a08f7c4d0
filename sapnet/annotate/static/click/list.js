// The list of images. Only visible rows exist, so that a hundred thousand images scroll smoothly.

import { loadDocument } from "../shared/api.js";
import { instanceColor } from "../shared/colors.js";
import { drawMask } from "../shared/draw.js";
import { showRow } from "../shared/rows.js";

const ROW_HEIGHT = 60; // CSS pixels, as in panels.css
const AHEAD = 4; // extra rows above and below the visible ones
const SETTLE = 90; // ms without scrolling before thumbnails are requested

export class ImageList {
  constructor(app) {
    const { store } = app;
    Object.assign(this, { app, store, shown: [], rows: new Map() });
    this.box = document.getElementById("list");
    this.inner = document.getElementById("list-inner");
    this.filter = document.getElementById("filter");
    this.find = document.getElementById("find");
    this.box.addEventListener("scroll", () => this.render(), { passive: true });
    this.filter.addEventListener("change", () => {
      this.refilter();
      if (!this.filter.matches(":focus-visible")) app.focusCanvas(); // chosen with the mouse
    });
    this.find.addEventListener("input", () => this.refilter());
    new ResizeObserver(() => this.render()).observe(this.box);
    store.addEventListener("images", () => this.update());
    store.addEventListener("image", () => this.follow());
    store.addEventListener("objects", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.loadThumbnails(), SETTLE);
    });
    this.refilter();
  }

  matches(image) {
    const isAnnotated = image.objects > 0 || image.done;
    const byState = {
      all: true,
      unannotated: !isAnnotated && !image.problem,
      annotated: isAnnotated,
      problem: Boolean(image.problem),
    }[this.filter.value];
    return byState && image.name.toLowerCase().includes(this.find.value.trim().toLowerCase());
  }

  refilter() {
    this.shown = [];
    this.store.images.forEach((image, place) => {
      if (this.matches(image)) this.shown.push(place);
    });
    this.inner.style.height = `${this.shown.length * ROW_HEIGHT}px`;
    document.getElementById("list-empty").hidden = this.shown.length > 0;
    this.update();
    this.follow();
  }

  // Returns the image that is `step` after the shown one in the filtered list; -1 at its end.
  // An image that no longer matches keeps its place, so that the next one is not skipped.
  neighbour(step, place = this.store.place) {
    if (step > 0) return this.shown.find((other) => other > place) ?? -1;
    return this.shown.findLast((other) => other < place) ?? -1;
  }

  nextUnannotated() {
    const { images, place } = this.store;
    for (let step = 1; step <= images.length; step++) {
      const image = images[(place + step) % images.length];
      if (!image.objects && !image.done && !image.problem) return (place + step) % images.length;
    }
    return -1;
  }

  follow() {
    const at = this.shown.indexOf(this.store.place);
    if (at >= 0) showRow(this.box, at, ROW_HEIGHT);
    this.render();
  }

  // Updates the progress and the marks of the visible rows after the summaries changed.
  update() {
    const { images } = this.store;
    let [annotated, readable, objects] = [0, 0, 0];
    for (const image of images) {
      objects += image.objects;
      readable += image.problem ? 0 : 1;
      annotated += !image.problem && (image.objects || image.done) ? 1 : 0;
    }
    document.getElementById("progress-text").textContent = `${annotated} of ${readable} annotated`;
    document.getElementById("object-total").textContent = `${objects} ${objects === 1 ? "object" : "objects"}`;
    document.getElementById("progress").value = readable ? annotated / readable : 0;
    for (const [place, row] of this.rows) this.fill(row, place);
    this.render();
  }

  render() {
    const { scrollTop, clientHeight } = this.box;
    const first = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - AHEAD);
    const last = Math.min(this.shown.length, Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT) + AHEAD);
    const wanted = new Map();
    for (let at = first; at < last; at++) wanted.set(this.shown[at], at);
    for (const [place, row] of this.rows) {
      if (wanted.has(place)) continue;
      row.remove();
      this.rows.delete(place);
    }
    for (const [place, at] of wanted) {
      const row = this.rows.get(place) || this.add(place);
      row.style.transform = `translateY(${at * ROW_HEIGHT}px)`;
      row.setAttribute("aria-current", place === this.store.place ? "true" : "false");
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.loadThumbnails(), SETTLE);
  }

  add(place) {
    const row = document.createElement("button");
    row.className = "list-row";
    row.innerHTML = '<span class="thumb"><img alt="" decoding="async"><canvas></canvas></span><span class="list-text">'
      + '<span class="list-name" translate="no"></span><span class="list-note"></span></span><span class="mark"></span>';
    row.addEventListener("click", () => this.app.open(place));
    this.fill(row, place);
    this.inner.append(row);
    this.rows.set(place, row);
    return row;
  }

  fill(row, place) {
    const image = this.store.images[place];
    const name = row.querySelector(".list-name");
    name.textContent = image.name.split("/").pop();
    row.title = image.problem || image.name;
    const count = `${image.objects} ${image.objects === 1 ? "object" : "objects"}`;
    const state = image.problem ? "problem" : image.done ? "done" : image.objects ? "some" : "todo";
    const note = { problem: "cannot be read", done: `${count}, done`, some: count, todo: "–" }[state];
    row.querySelector(".list-note").textContent = note;
    row.dataset.state = state;
    row.querySelector(".mark").textContent = { problem: "!", done: "✓", some: image.objects, todo: "" }[state];
  }

  // Draws the masks of an image over its thumbnail, cut as the picture is.
  drawMasks(row, image) {
    const canvas = row.querySelector("canvas");
    const held = this.store.documents.get(image.name);
    const objects = held && held.kept.filter(({ mask }) => mask);
    if (canvas.drawn === (held && held.objects)) return;
    canvas.drawn = held && held.objects;
    const { clientWidth, clientHeight } = canvas;
    const ratio = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [clientWidth * ratio, clientHeight * ratio];
    if (!objects || !objects.length || !clientWidth) return;
    const scale = Math.max(canvas.width / image.width, canvas.height / image.height);
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, (canvas.width - image.width * scale) / 2, (canvas.height - image.height * scale) / 2);
    objects.forEach((object, n) => drawMask(context, image, object.mask, instanceColor(this.app.colorOf(object.category_id), n)));
  }

  // Loads the objects of visible images, one after the other, so that their masks can be drawn.
  async loadMasks() {
    if (this.isLoading || this.app.session.mode !== "annotate") return; // a review shows its queue instead
    this.isLoading = true;
    for (const [place, row] of [...this.rows]) {
      const image = this.store.images[place];
      if (!image.objects || image.problem || this.rows.get(place) !== row) continue;
      if (!this.store.documents.has(image.name)) {
        const answer = await loadDocument(image.name).catch(() => null);
        if (answer) this.store.hold(image.name, answer);
      }
      this.drawMasks(row, image);
    }
    this.isLoading = false;
  }

  loadThumbnails() {
    this.loadMasks();
    for (const [place, row] of this.rows) {
      const image = this.store.images[place];
      const picture = row.querySelector("img");
      if (picture.src || image.problem || picture.dataset.failed) continue;
      picture.src = `/api/thumbnail?${new URLSearchParams({ image: image.name, stamp: image.stamp })}`;
      picture.addEventListener("error", () => {
        picture.dataset.failed = "true";
        picture.removeAttribute("src");
      }, { once: true });
    }
  }
}
