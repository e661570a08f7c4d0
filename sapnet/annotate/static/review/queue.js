// The queue of a review: labels by uncertainty. Only visible rows exist.

import { showRow } from "../shared/rows.js";

const ROW_HEIGHT = 44; // CSS pixels, as in review.css
const AHEAD = 4; // extra rows above and below the visible ones
const MARKS = { accepted: "✓", picked: "✓", clicked: "✓", drawn: "✓", deleted: "×" };
export const WORDS = {
  accepted: "kept", picked: "another mask", clicked: "clicked again", drawn: "drawn by hand", deleted: "deleted",
};

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Entries: { id, image, category_id, uncertainty, decision }, the most uncertain first.
export class Queue {
  constructor(app, entries, open) {
    Object.assign(this, { app, entries, open, shown: [], rows: new Map(), current: null });
    this.build(document.getElementById("list-pane"));
    new ResizeObserver(() => this.render()).observe(this.box);
    this.refilter();
  }

  build(pane) {
    const head = make("div", "list-head queue-head");
    this.text = make("span");
    this.rest = make("span", "dim");
    const words = make("div", "progress-text");
    words.append(this.text, this.rest);
    this.bar = make("progress");
    this.bar.setAttribute("aria-label", "Labels decided");
    const progress = make("div", "progress");
    progress.append(words, this.bar);
    this.state = this.select("queue-filter", "Which labels are listed", [
      ["open", "Not decided"], ["all", "All labels"], ["decided", "Decided"],
    ]);
    const classes = this.app.store.categories.map(({ id, name }) => [String(id), name]);
    this.category = this.select("queue-class", "Of which class", [["", "All classes"], ...classes]);
    const filters = make("div", "filters");
    filters.append(this.state, this.category);
    head.append(progress, filters);
    this.box = make("div", "list queue");
    this.box.tabIndex = -1;
    this.inner = make("div", "queue-inner");
    this.box.append(this.inner);
    this.empty = make("p", "dim queue-empty", "No label matches.");
    pane.append(head, this.empty, this.box);
    pane.setAttribute("aria-label", "Labels, the most uncertain first");
    this.box.addEventListener("scroll", () => this.render(), { passive: true });
  }

  select(id, label, options) {
    const box = make("select");
    box.id = id;
    box.setAttribute("aria-label", label);
    for (const [value, text] of options) {
      const option = make("option", "", text);
      option.value = value;
      box.append(option);
    }
    box.addEventListener("change", () => {
      box.blur(); // so that keys act on labels again
      this.refilter();
    });
    return box;
  }

  matches(entry) {
    const isOpen = !entry.decision;
    const byState = { open: isOpen, all: true, decided: !isOpen }[this.state.value];
    return byState && (!this.category.value || String(entry.category_id) === this.category.value);
  }

  // Returns the matching entry `step` places further; the current one keeps its place.
  neighbour(step, from = this.current) {
    const at = from ? this.entries.indexOf(from) : -1;
    if (step > 0) return this.entries.find((entry, place) => place > at && this.matches(entry));
    return this.entries.findLast((entry, place) => place < at && this.matches(entry));
  }

  // Returns the next entry without a decision, after the current one, else from the start.
  nextOpen() {
    const isOpen = (entry) => !entry.decision
      && (!this.category.value || String(entry.category_id) === this.category.value);
    const at = this.current ? this.entries.indexOf(this.current) : -1;
    return this.entries.find((entry, place) => place > at && isOpen(entry)) || this.entries.find(isOpen);
  }

  show(entry) {
    this.current = entry;
    this.follow();
  }

  refilter() {
    this.shown = this.entries.filter((entry) => this.matches(entry));
    this.inner.style.height = `${this.shown.length * ROW_HEIGHT}px`;
    this.empty.hidden = this.shown.length > 0;
    this.rows.forEach((row) => row.remove());
    this.rows.clear();
    this.count();
    this.follow();
  }

  // Updates the queue after decisions changed.
  update() {
    if (this.state.value === "all") {
      this.rows.forEach((row) => row.remove());
      this.rows.clear();
      this.count();
      this.render();
    } else this.refilter();
  }

  count() {
    const decided = this.entries.filter((entry) => entry.decision).length;
    this.text.textContent = `${decided} / ${this.entries.length} decided`;
    this.rest.textContent = this.shown.length === this.entries.length ? "" : `${this.shown.length} listed`;
    this.bar.max = Math.max(this.entries.length, 1);
    this.bar.value = decided;
  }

  follow() {
    const at = this.shown.indexOf(this.current);
    if (at >= 0) showRow(this.box, at, ROW_HEIGHT);
    this.render();
  }

  render() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_HEIGHT) - AHEAD);
    const count = Math.ceil(this.box.clientHeight / ROW_HEIGHT) + 2 * AHEAD;
    const wanted = new Map(this.shown.slice(first, first + count).map((entry, i) => [entry.id, [entry, first + i]]));
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    for (const [id, [entry, place]] of wanted) {
      if (!this.rows.has(id)) {
        const row = this.row(entry);
        this.rows.set(id, row);
        this.inner.append(row);
      }
      const row = this.rows.get(id);
      row.style.transform = `translateY(${place * ROW_HEIGHT}px)`;
      row.setAttribute("aria-current", String(entry === this.current));
    }
  }

  row(entry) {
    const { app } = this;
    const row = make("button", "queue-row");
    row.dataset.id = entry.id;
    row.dataset.decision = entry.decision || "";
    const swatch = make("span", "swatch");
    swatch.style.background = app.colorOf(entry.category_id);
    const text = make("span", "list-text");
    const words = entry.decision ? WORDS[entry.decision] : entry.image;
    text.append(make("span", "list-name", app.nameOf(entry.category_id)), make("span", "list-note list-name", words));
    const meter = make("span", "doubt numeric", entry.uncertainty.toFixed(2));
    meter.style.setProperty("--doubt", entry.uncertainty);
    row.append(swatch, text, meter, make("span", "queue-mark", MARKS[entry.decision] || ""));
    row.addEventListener("click", () => {
      this.open(entry);
      app.view.canvas.focus({ preventScroll: true });
    });
    return row;
  }
}
