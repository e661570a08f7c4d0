// What the page offers around the clicking: the export, and the proposer at work.

import { request } from "../shared/api.js";

const FORMATS = [
  ["coco-rle", "COCO, run lengths (exact)"], ["coco-polygons", "COCO, polygons"], ["yolo-seg", "YOLO, segments"],
  ["labelme", "LabelMe"], ["label-studio", "Label Studio"], ["voc", "Pascal VOC"],
];
const WORDS = { click: "the embedded segmenter", sam: "SAM", regions: "regions, no network", none: "nobody" };
const element = (id) => document.getElementById(id);

function make(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

export function setUpExport(app) {
  const dialog = element("export-dialog");
  element("export").hidden = false;
  element("export").addEventListener("click", () => dialog.showModal());
  element("export-formats").replaceChildren(...FORMATS.map(([to, words]) => {
    const button = make("button", "", words);
    button.addEventListener("click", () => download(app, to));
    return button;
  }));
}

async function download(app, to) {
  const query = new URLSearchParams({ to, scope: element("export-scope").value });
  try {
    await app.saver.settled(); // what is exported is what is saved
    const response = await fetch(`/api/export?${query}`);
    if (!response.ok) throw new Error((await response.json()).detail);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = /filename="([^"]+)"/.exec(response.headers.get("content-disposition"))[1];
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    app.toast(`Exported: ${link.download}`);
  } catch (error) {
    app.toast(error.message);
  }
  element("export-dialog").close();
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
