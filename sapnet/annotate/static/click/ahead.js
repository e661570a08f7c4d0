// Looking ahead: what the shown image and the next ones will need is loaded before it is asked for.

import { loadDocument, prepareImage } from "../shared/api.js";

const NEXT = [1, 2, -1]; // images whose pixels and objects are loaded while the current one is shown
const START_DELAY = 150; // ms on an image: who passes it by loads nothing
const PREPARE_DELAY = 1200; // ms on an image before the next one is prepared for previews

export class Ahead {
  constructor({ list, session, store, view }) {
    Object.assign(this, { list, session, store, view });
  }

  start(place) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(place), START_DELAY);
  }

  // Prepares the shown image for previews, then loads pixels, objects and previews of its neighbours.
  async load(place) {
    const { store, view } = this;
    const neighbours = NEXT.map((step) => this.neighbour(place, step)).filter(Boolean);
    for (const image of neighbours) {
      view.tiles.prefetch(image);
      if (store.documents.has(image.name)) continue;
      loadDocument(image.name).then((answer) => store.hold(image.name, answer)).catch(() => {});
    }
    await this.prepare(store.image, place);
    if (place !== store.place) return;
    view.tiles.prefetchSharp(store.image);
    // A preparation cannot be stopped, so that of the next image waits until this one is not needed.
    this.timer = setTimeout(() => this.prepare(neighbours[0], place), PREPARE_DELAY);
  }

  neighbour(place, step) {
    let at = place;
    for (let i = 0; i < Math.abs(step) && at >= 0; i++) at = this.list.neighbour(Math.sign(step), at);
    return this.store.images[at];
  }

  async prepare(image, place) {
    if (!this.session.proposer || !image || image.problem || place !== this.store.place) return;
    await prepareImage(image.name).catch(() => {}); // the click asks again
  }
}
