// Communication with the server: requests with readable errors, and saving without losses.

const client = crypto.randomUUID ? crypto.randomUUID() : `tab-${Math.random().toString(36).slice(2)}`;
const SAVE_DELAY = 120; // ms; a burst of clicks becomes one request
const KEEPALIVE_LIMIT = 60000; // characters; browsers send at most 64 kB for a page that is closing
const RETRY_DELAYS = [1000, 2000, 5000, 10000]; // ms; the last one repeats

export class ServerError extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export async function request(path, { method = "GET", query = {}, body, signal, keepalive, priority } = {}) {
  const address = `${path}?${new URLSearchParams(query)}`;
  const options = { method, signal, keepalive, priority };
  if (body !== undefined) {
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(address, options);
  const isJson = (response.headers.get("content-type") || "").includes("json");
  const content = isJson ? await response.json() : await response.text();
  if (!response.ok) {
    const detail = isJson ? content.detail : content;
    const message = typeof detail === "string" ? detail : JSON.stringify(detail);
    throw new ServerError(response.status, message, content);
  }
  return content;
}

export const loadSession = () => request("/api/session");
export const loadDocument = (image) => request(documentPath, { query: { image } });

// Other modes have their own documents, which are loaded and saved in the same way.
let documentPath = "/api/document";
export function keepDocumentsAt(path) { documentPath = path; }

export function prepareImage(image) {
  return request("/api/prepare", { method: "POST", query: { image, client } });
}

// `asked`: the objects, the place of the selected one, and if candidates that differ little are wanted.
export function askPreview(image, asked, signal) {
  return request("/api/preview", { method: "POST", query: { image }, body: { client, ...asked }, signal });
}

// Saves documents in the background: one request per image at a time, the newest state last.
// Emits "state" with saved | saving | failed, and "conflict" with the image and the current document.
export class Saver extends EventTarget {
  constructor(store) {
    super();
    this.store = store;
    this.waiting = new Map(); // image name -> timer
    this.running = new Set();
    this.failures = 0;
    this.state = "saved";
    window.addEventListener("pagehide", () => this.flush());
    window.addEventListener("beforeunload", (event) => {
      if (!this.flush()) event.preventDefault(); // the browser then asks before it leaves the page
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this.flush();
    });
  }

  // Resolves when nothing waits and nothing runs; rejects if a change cannot be saved.
  settled() {
    if (this.state === "saved") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const look = ({ detail }) => {
        if (detail.state === "saving") return;
        this.removeEventListener("state", look);
        if (detail.state === "saved") resolve();
        else reject(new Error(detail.message));
      };
      this.addEventListener("state", look);
    });
  }

  schedule(name, delay = SAVE_DELAY) {
    clearTimeout(this.waiting.get(name));
    this.waiting.set(name, setTimeout(() => this.save(name), delay));
    if (this.state !== "failed") this.report("saving");
  }

  // Sends waiting changes at once, because the page may close; false if a change could be lost.
  // A request that runs already ends with the page, so what it carries is not saved yet.
  flush() {
    let isSafe = this.state !== "failed" && !this.running.size;
    for (const [name, timer] of this.waiting) {
      const { body } = this.store.documents.get(name).snapshot();
      isSafe &&= JSON.stringify(body).length < KEEPALIVE_LIMIT;
      clearTimeout(timer);
      this.save(name, { keepalive: true });
    }
    return isSafe;
  }

  async save(name, { overwrite = false, keepalive = false } = {}) {
    this.waiting.delete(name);
    const held = this.store.documents.get(name);
    if (!held || held.isConflicting) return;
    if (this.running.has(name)) {
      this.schedule(name);
      return;
    }
    this.running.add(name);
    const sent = held.snapshot();
    try {
      const body = { ...sent.body, version: overwrite ? null : held.version };
      const answer = await request(documentPath, {
        method: "PUT", query: { image: name }, body, priority: "high",
        keepalive: keepalive && JSON.stringify(body).length < KEEPALIVE_LIMIT,
      });
      held.markSaved(sent, answer);
      this.store.withdraw(name, answer.dismissed || []);
      this.failures = 0;
    } catch (error) {
      this.failed(name, held, error);
      return;
    } finally {
      this.running.delete(name);
    }
    if (held.isChanged) this.schedule(name);
    else if (!this.waiting.size && !this.running.size) this.report("saved");
  }

  failed(name, held, error) {
    if (error.status === 409) {
      held.isConflicting = true;
      this.report("failed", "Changed elsewhere");
      this.dispatchEvent(new CustomEvent("conflict", { detail: { name, held, error } }));
      return;
    }
    const delay = RETRY_DELAYS[Math.min(this.failures, RETRY_DELAYS.length - 1)];
    this.failures += 1;
    const message = error.status ? error.message : "The server does not answer; trying again";
    this.report("failed", message);
    this.schedule(name, delay);
  }

  report(state, message = "") {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, message } }));
  }
}
