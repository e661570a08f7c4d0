// What the page offers around the clicking: the export, and the proposer at work.

import { request } from "../shared/api.js";

const WORDS = { click: "the embedded segmenter", sam: "SAM", regions: "regions, no network", none: "nobody" };
const element = (id) => document.getElementById(id);

function make(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

export async function setUpExport(app) {
  const formats = await request("/api/export/formats").catch(() => ({})); // a server of another kind has none
  const dialog = element("export-dialog");
  element("export").hidden = false;
  element("export").addEventListener("click", () => {
    element("export-message").textContent = "";
    dialog.showModal();
  });
  element("export-formats").replaceChildren(...Object.entries(formats).map(([to, words]) => {
    const button = make("button", "", words);
    button.title = `sapnet convert ${app.session.file} --to ${to}`;
    button.addEventListener("click", () => download(app, to));
    return button;
  }));
}

async function download(app, to) {
  const message = element("export-message");
  const query = new URLSearchParams({ to, scope: element("export-scope").value });
  message.textContent = "Writing…";
  try {
    await app.saver.settled(); // what is exported is what is saved
    const response = await fetch(`/api/export?${query}`);
    if (!response.ok) throw new Error((await response.json()).detail);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = /filename="([^"]+)"/.exec(response.headers.get("content-disposition"))[1];
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    const lost = decodeURIComponent(response.headers.get("x-findings"));
    if (lost) message.textContent = `Exported: ${link.download}; ${lost}`;
    else element("export-dialog").close();
    app.toast(`Exported: ${link.download}`);
  } catch (error) {
    message.textContent = error.message;
  }
}

export async function setUpProposer(app) {
  const state = await request("/api/proposer").catch(() => null); // a server of another kind has none
  if (!state) return;
  const dialog = element("proposer-dialog");
  element("proposer").hidden = false;
  element("proposer").addEventListener("click", () => dialog.showModal());
  show(app, state);
}

function show(app, { name, checkpoint, offers }) {
  const words = `${WORDS[name || "none"] || name}${checkpoint ? `, ${checkpoint}` : ""}`;
  element("proposer").textContent = `Masks by ${words}`;
  element("proposer-now").textContent = `Now: ${words}. Better masks come from these:`;
  element("proposer-offers").replaceChildren(...offers.map((offer) => offerRow(app, offer, checkpoint)));
}

function offerRow(app, offer, current) {
  const row = make("section", "offer", "");
  row.append(make("b", "", offer.checkpoint));
  row.append(make("span", "dim", `${offer.megabytes} MB, ${offer.licence}${offer.here ? ", on this machine" : ""}`));
  const button = make("button", "small", offer.here ? "Use it" : "Fetch and use it");
  button.disabled = offer.checkpoint === current || !app.session.proposer;
  button.addEventListener("click", () => use(app, offer, button));
  row.append(button, make("code", "", offer.command));
  return row;
}

async function use(app, offer, button) {
  button.disabled = true;
  element("proposer-message").textContent = offer.here ? "Loading…" : `Fetching ${offer.megabytes} MB…`;
  try {
    const state = await request("/api/proposer", { method: "POST", body: { checkpoint: offer.checkpoint } });
    show(app, state);
    element("proposer-message").textContent = "At work from the next click on.";
  } catch (error) {
    button.disabled = false;
    element("proposer-message").textContent = `${error.message} Where the hub cannot be reached, run the command above on a machine that reaches it.`;
  }
}
