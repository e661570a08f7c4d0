// The side panel: classes, objects of the image, candidate masks.

import { drawMask } from "../shared/draw.js";
import { maskBox } from "../shared/masks.js";

const TILE = 112; // CSS pixels of a candidate's picture
const SURROUND = 0.2; // margin around a mask, as a share of its extent
const LEAST_SHARE = 0.3; // least extent relative to the largest candidate, so that sizes are comparable

const element = (id) => document.getElementById(id);

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function swatch(color) {
  const node = make("span", "swatch");
  node.style.background = color;
  return node;
}

export class Panel {
  constructor(app) {
    Object.assign(this, { app, store: app.store, preview: app.preview });
    const { store, preview } = this;
    this.buildClasses();
    store.addEventListener("category", () => this.markClass());
    for (const name of ["objects", "selection", "image"]) {
      store.addEventListener(name, () => this.later());
    }
    preview.addEventListener("candidates", () => this.later());
    element("candidate-previous").addEventListener("click", () => preview.cycle(-1));
    element("candidate-next").addEventListener("click", () => preview.cycle(1));
    element("pin").addEventListener("click", () => app.pin());
    element("more-candidates").addEventListener("click", () => preview.showEvery());
    element("toggle-objects").addEventListener("click", () => {
      const isOpen = document.body.classList.toggle("objects-open");
      element("toggle-objects").setAttribute("aria-expanded", String(isOpen));
      element("toggle-objects").textContent = isOpen ? "hide" : "show";
    });
  }

  // Runs after the canvas, so that a new point is drawn before the lists.
  later() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setTimeout(() => {
      this.isScheduled = false;
      this.renderObjects();
      this.renderCandidates();
      this.renderCounts();
    });
  }

  buildClasses() {
    const { store, app } = this;
    const box = element("classes");
    box.replaceChildren(...store.categories.map((category, place) => {
      const row = make("button", "class-row");
      row.setAttribute("role", "radio");
      row.dataset.id = category.id;
      row.append(swatch(app.colorOf(category.id)), make("span", "class-name", category.name));
      row.append(make("span", "class-count dim numeric"));
      if (place < 9) row.append(make("kbd", "", String(place + 1)));
      row.addEventListener("click", () => app.chooseClass(category.id));
      return row;
    }));
    this.markClass();
  }

  markClass() {
    for (const row of element("classes").children) {
      const isCurrent = Number(row.dataset.id) === this.store.category;
      row.setAttribute("aria-checked", String(isCurrent));
      if (isCurrent) row.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  renderCounts() {
    const counts = new Map();
    for (const object of this.store.held ? this.store.held.kept : []) {
      counts.set(object.category_id, (counts.get(object.category_id) || 0) + 1);
    }
    for (const row of element("classes").children) {
      row.querySelector(".class-count").textContent = counts.get(Number(row.dataset.id)) || "";
    }
  }

  renderObjects() {
    const { store, app } = this;
    const list = element("objects");
    const { selected, objects } = store;
    list.replaceChildren(...objects.map((object, place) => {
      const row = make("li", object.suggested ? "object-row suggested" : "object-row");
      const isSelected = Boolean(selected && selected.key === object.key);
      const button = make("button", "object-main");
      button.setAttribute("aria-pressed", String(isSelected));
      button.append(
        make("span", "object-number dim numeric", place + 1),
        swatch(app.shadeOf(object)),
        make("span", "class-name", app.nameOf(object.category_id)),
        make("span", "object-note dim", app.describe(object)),
      );
      const isHidden = app.view.overlay.hidden.has(object.key);
      const hide = make("button", "icon hide", isHidden ? "◌" : "◉");
      hide.setAttribute("aria-label", `${isHidden ? "Show" : "Hide"} object ${place + 1}`);
      hide.setAttribute("aria-pressed", String(isHidden));
      hide.addEventListener("click", () => app.hide(object.key));
      button.addEventListener("click", () => app.selectObject(object.key));
      const remove = make("button", "icon remove", "×");
      remove.setAttribute("aria-label", `Delete object ${place + 1}, ${app.nameOf(object.category_id)}`);
      remove.addEventListener("click", () => store.deleteObject(object.key));
      row.append(button, hide, remove);
      if (isSelected) queueMicrotask(() => row.scrollIntoView({ block: "nearest" }));
      return row;
    }));
    element("object-count").textContent = objects.filter(({ suggested }) => !suggested).length || "";
    element("first-hint").hidden = objects.length > 0 || store.images.some((image) => image.objects) || Boolean(store.image && store.image.problem);
    element("objects-empty").hidden = objects.length > 0;
  }

  renderCandidates() {
    const { preview, store, app } = this;
    const object = store.selectedObject;
    const isShown = Boolean(object && (preview.candidates.length || preview.message || (object.mask && !object.suggested)));
    element("candidates-section").hidden = !isShown;
    if (!isShown) return;
    const { candidates, chosen } = preview;
    const count = candidates.length && chosen >= 0 ? `${chosen + 1} / ${candidates.length}` : "";
    const pinned = object.mask && !candidates.length ? "pinned; C shows others" : "";
    element("candidate-state").textContent = preview.message || count || pinned;
    element("pin").setAttribute("aria-pressed", String(preview.isPinned));
    element("pin").firstChild.textContent = preview.isPinned ? "Pinned " : "Pin mask ";
    element("more-candidates").hidden = !preview.withheld;
    const strip = element("candidates");
    if (this.drawnCandidates !== candidates || strip.childElementCount !== candidates.length) {
      this.drawnCandidates = candidates;
      strip.replaceChildren(...candidates.map((candidate, place) => this.candidateTile(candidate, place, object)));
    }
    [...strip.children].forEach((tile, place) => {
      tile.setAttribute("aria-pressed", String(place === chosen));
      if (place === chosen) tile.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  }

  candidateTile(candidate, place, object) {
    const { preview, app, store } = this;
    const tile = make("button", "candidate");
    const score = candidate.score === null ? "" : candidate.score.toFixed(2);
    tile.setAttribute("aria-label", `Candidate ${place + 1}, score ${score}`);
    const canvas = make("canvas");
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(TILE * ratio);
    const context = canvas.getContext("2d");
    const { image } = store;
    const [x, y, size] = this.extent(candidate, object, image);
    const scale = canvas.width / size;
    context.setTransform(scale, 0, 0, scale, -x * scale, -y * scale);
    app.view.tiles.draw(context, image, [x, y, x + size, y + size], scale);
    drawMask(context, image, candidate.mask, app.colorOf(object.category_id));
    tile.append(canvas, make("span", "numeric", score));
    tile.addEventListener("click", () => preview.choose(place));
    return tile;
  }

  // Returns a square around a candidate and the click: [x, y, side] in image pixels.
  extent(candidate, object, { width, height }) {
    const [px, py] = object.points[0];
    const pixels = ({ mask }) => {
      const [x1, y1, x2, y2] = maskBox(mask) || [1, 1, 0, 0];
      return x2 < x1 ? [px, py, px, py] : [x1 * width, y1 * height, x2 * width, y2 * height];
    };
    const side = ([x1, y1, x2, y2]) => Math.max(x2 - x1, y2 - y1);
    const largest = Math.max(...this.preview.candidates.map((other) => side(pixels(other))));
    const own = pixels(candidate);
    const [x1, y1] = [Math.min(own[0], px), Math.min(own[1], py)];
    const [x2, y2] = [Math.max(own[2], px), Math.max(own[3], py)];
    const size = Math.max(side([x1, y1, x2, y2]), LEAST_SHARE * largest, 16) * (1 + 2 * SURROUND);
    return [(x1 + x2 - size) / 2, (y1 + y2 - size) / 2, size];
  }
}
