// The state of the page: one held document per image, with undo, and the selection.
//
// Objects are never changed in place: { key, category_id, points, negative_points, box, mask }.
// A key identifies an object on this page; the server's id is stored separately. An object with
// `suggested` waits for a decision: it is shown, but not saved (see suggest/suggest.js).

let nextKey = 1;

function fromServer(entry) {
  const { id, ...object } = entry;
  return { key: `o${nextKey++}`, ...object };
}

export class HeldDocument {
  constructor(answer) {
    this.ids = new Map(); // key -> annotation id
    this.undone = [];
    this.history = [];
    this.load(answer);
  }

  // Takes the server's version; the history of undo refers to another version and is dropped.
  load(answer) {
    this.version = answer.version;
    this.objects = answer.objects.map(fromServer);
    this.objects.forEach((object, i) => this.ids.set(object.key, answer.objects[i].id));
    this.done = answer.done;
    this.history = [];
    this.undone = [];
    this.isConflicting = false;
    this.offered = null; // numbers of the suggestions that were shown; null before there are any
    this.told = new Set(); // those of them that the server knows to be dismissed here
    this.saved = { objects: this.objects, done: this.done };
  }

  get isChanged() {
    return this.objects !== this.saved.objects || this.done !== this.saved.done;
  }

  get kept() { return this.objects.filter(({ suggested }) => !suggested); }

  // Numbers of the suggestions that were dismissed here: neither open nor objects.
  get dismissed() {
    const present = new Set(this.objects.map(({ number }) => number));
    return [...this.offered].filter((number) => !present.has(number));
  }

  wire(objects = this.kept) {
    return objects.map(({ key, suggested, number, score, ...object }) => ({ id: this.ids.get(key) || 0, ...object }));
  }

  snapshot() {
    const { objects, kept, done } = this;
    const body = { objects: this.wire(kept), done };
    if (this.offered) {
      const now = new Set(this.dismissed); // only what changed here is sent: another tab decides, too
      body.dismissed = [...now].filter((number) => !this.told.has(number));
      body.restored = [...this.told].filter((number) => !now.has(number));
    }
    return { objects, kept, done, body };
  }

  // Adds suggestions, to every state that undo leads to as well: none is dismissed by going back.
  offer(suggestions) {
    const added = suggestions.map(({ number, category_id, score, point, mask }) => ({
      key: `o${nextKey++}`, number, category_id, score, suggested: true,
      points: [point], negative_points: [], box: null, mask,
    }));
    this.everyState((objects) => [...objects, ...added]);
    this.offered = new Set([...(this.offered || []), ...added.map(({ number }) => number)]);
  }

  // Drops suggestions that were dismissed elsewhere; returns true if one of them was open here.
  withdraw(numbers) {
    if (!this.offered) return false;
    const gone = new Set(numbers.filter((number) => this.offered.has(number) && !this.told.has(number)));
    const isGone = ({ suggested, number }) => suggested && gone.has(number);
    const wasOpen = this.objects.some(isGone);
    if (gone.size) this.everyState((objects) => objects.filter((object) => !isGone(object)));
    for (const number of gone) this.offered.delete(number);
    return wasOpen;
  }

  // Changes the objects of the shown state and of those that undo and redo lead to; nothing to save.
  everyState(change) {
    const isSaved = !this.isChanged;
    for (const state of [this, ...this.history, ...this.undone]) state.objects = change(state.objects);
    if (isSaved) this.saved.objects = this.objects;
  }

  markSaved(sent, answer) {
    sent.kept.forEach((object, i) => this.ids.set(object.key, answer.ids[i]));
    this.version = answer.version;
    this.saved = { objects: sent.objects, done: sent.done };
    for (const number of sent.body.dismissed || []) this.told.add(number);
    for (const number of sent.body.restored || []) this.told.delete(number);
  }
}

// Events: "image" (another one is shown), "objects" (of the shown one, or done), "selection",
// "category", "images" (the summaries of the list), "change" (with the name, something to save).
export class Store extends EventTarget {
  constructor(session) {
    super();
    this.session = session;
    this.categories = session.categories;
    this.images = session.images;
    this.places = new Map(session.images.map((image, place) => [image.name, place]));
    this.documents = new Map();
    this.place = -1;
    this.category = session.categories.length ? session.categories[0].id : null;
    this.selected = null; // { key, kind: "points" | "negative_points", index }
    this.explains = () => false; // true if a new click takes the place of a suggestion
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  get image() { return this.images[this.place]; }
  get held() { return this.image && this.documents.get(this.image.name); }
  get objects() { return this.held ? this.held.objects : []; }
  get selectedObject() {
    return this.selected ? this.objects.find((object) => object.key === this.selected.key) : undefined;
  }

  // Keeps the server's response unless the document is held already, possibly changed.
  hold(name, answer) {
    if (!this.documents.has(name)) this.documents.set(name, new HeldDocument(answer));
  }

  show(place, answer) {
    if (answer) this.hold(this.images[place].name, answer);
    this.place = place;
    this.selected = null;
    this.refresh();
    this.emit("image");
    this.emit("selection");
  }

  // Replaces a document by the server's version.
  reload(name, answer) {
    const held = this.documents.get(name);
    if (!held) return;
    held.load(answer);
    if (this.image && this.image.name === name) this.selected = null;
    this.refresh(name);
    this.emit("objects");
    this.emit("selection");
  }

  // Drops suggestions of an image that were dismissed elsewhere.
  withdraw(name, numbers) {
    const held = this.documents.get(name);
    if (!held || !held.withdraw(numbers) || held !== this.held) return;
    this.emit("objects");
    this.emit("selection");
  }

  // Drops all documents, which the server changed.
  forget() {
    this.documents.clear();
    this.selected = null;
    this.emit("objects");
    this.emit("selection");
  }

  setCategory(id) {
    this.category = id;
    this.emit("category");
  }

  select(selected) {
    this.selected = selected;
    this.emit("selection");
  }

  // Replaces the shown objects, as one step of undo. `merge` joins it to the previous step.
  apply(objects, selected, { merge = false } = {}) {
    const { held } = this;
    if (!merge) held.history.push({ objects: held.objects, selected: this.selected, done: held.done });
    held.undone = [];
    held.objects = objects;
    this.selected = selected;
    this.changed();
  }

  setDone(done) {
    const { held } = this;
    held.history.push({ objects: held.objects, selected: this.selected, done: held.done });
    held.undone = [];
    held.done = done;
    this.changed();
  }

  undo() { return this.step("history", "undone"); }
  redo() { return this.step("undone", "history"); }

  step(from, to) {
    const { held } = this;
    if (!held || !held[from].length) return false;
    const state = held[from].pop();
    held[to].push({ objects: held.objects, selected: this.selected, done: held.done });
    held.objects = state.objects;
    held.done = state.done;
    this.selected = state.selected;
    this.changed();
    return true;
  }

  changed() {
    this.refresh();
    this.emit("objects");
    this.emit("selection");
    this.emit("change", { name: this.image.name });
  }

  refresh(name = this.image.name) {
    const held = this.documents.get(name);
    const summary = this.images[this.places.get(name)];
    const { length } = held.kept;
    if (summary.objects === length && summary.done === held.done) return;
    summary.objects = length;
    summary.done = held.done;
    this.emit("images");
  }

  reportProblem(name, message) {
    const summary = this.images[this.places.get(name)];
    if (summary.problem === message) return;
    summary.problem = message;
    this.emit("images");
    if (this.image && this.image.name === name) this.emit("problem");
  }

  // --- changes to objects; each is one step of undo ---

  addObject(point, further = {}) {
    const key = `o${nextKey++}`;
    const object = {
      key, category_id: this.category, points: [point], negative_points: [], box: null, mask: null, ...further,
    };
    const others = this.objects.filter((entry) => !this.explains(point, entry));
    this.apply([...others, object], { key, kind: "points", index: 0 });
  }

  addMasked(point, mask) { this.addObject(point, { mask }); }

  addPoint(kind, point) {
    const object = this.selectedObject;
    if (!object) return false;
    const points = [...object[kind], point];
    const mask = object.suggested ? null : object.mask; // a wrong suggestion: the proposer is asked
    this.replace({ ...object, mask, [kind]: points }, { key: object.key, kind, index: points.length - 1 });
    return true;
  }

  movePoint(selected, point, options) {
    const object = this.objects.find((entry) => entry.key === selected.key);
    const points = object[selected.kind].map((old, i) => (i === selected.index ? point : old));
    this.replace({ ...object, [selected.kind]: points }, selected, options);
  }

  // Replaces an object; a suggestion that is changed by hand is accepted.
  replace({ suggested, ...object }, selected = this.selected, options) {
    const objects = this.objects.map((entry) => (entry.key === object.key ? object : entry));
    this.apply(objects, selected, options);
  }

  // Removes the selected point; the object is removed with its last positive point.
  deletePoint() {
    const object = this.selectedObject;
    if (!object) return;
    const { kind, index } = this.selected;
    if (kind === "points" && object.points.length === 1) {
      this.deleteObject(object.key);
      return;
    }
    const rest = object[kind].filter((_, i) => i !== index);
    const last = { key: object.key, kind: "points", index: object.points.length - 1 };
    if (kind === "points") last.index = rest.length - 1;
    this.replace({ ...object, [kind]: rest }, last);
  }

  deleteObject(key) {
    const place = this.objects.findIndex((object) => object.key === key);
    const objects = this.objects.filter((object) => object.key !== key);
    const neighbour = objects[Math.min(place, objects.length) - 1];
    this.apply(objects, neighbour ? { key: neighbour.key, kind: "points", index: 0 } : null);
  }

  relabel(category) {
    const object = this.selectedObject;
    if (object && object.category_id !== category) {
      const relabelled = { ...object, category_id: category };
      this.apply(this.objects.map((entry) => (entry === object ? relabelled : entry)), this.selected);
    }
    return Boolean(object);
  }

  // Makes suggestions objects.
  accept(keys, selected) {
    const accepted = ({ suggested, ...object }) => object;
    this.apply(this.objects.map((entry) => (keys.includes(entry.key) ? accepted(entry) : entry)), selected);
  }

  setMask(key, mask) {
    const object = this.objects.find((entry) => entry.key === key);
    if (object) this.replace({ ...object, mask });
  }
}
