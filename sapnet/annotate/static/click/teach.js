// Teaching in the background: what the proposer learned from the pinned masks, and the way back.

import { request } from "../shared/api.js";

const LOOK_EVERY = 5000; // ms
const element = (id) => document.getElementById(id);

export class Teaching {
  constructor(app) {
    if (!app.session.teach) return;
    this.app = app;
    element("teach").hidden = false;
    element("teach-undo").addEventListener("click", () => this.undo());
    this.look();
    setInterval(() => { if (document.visibilityState === "visible") this.look(); }, LOOK_EVERY);
  }

  async look() {
    const state = await request("/api/teach").catch(() => null); // the next look tries again
    if (state) this.show(state);
  }

  async undo() {
    try {
      this.show(await request("/api/teach/undo", { method: "POST" }));
    } catch (error) {
      this.app.toast(error.message);
    }
  }

  show({ message, needed, can_undo: canUndo }) {
    const words = message ? message[0].toUpperCase() + message.slice(1) : `Begins when ${needed} masks are pinned.`;
    if (element("teach-message").textContent !== words) element("teach-message").textContent = words;
    element("teach-undo").hidden = !canUndo;
  }
}
