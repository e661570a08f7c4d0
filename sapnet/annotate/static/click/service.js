// What the page offers around the clicking: the export, and the proposer at work.

import { request } from "../shared/api.js";

const WORDS = { click: "the embedded segmenter", sam: "SAM", regions: "regions, no network", none: "nobody" };
const LOOK_EVERY = 700; // ms between two looks at a download
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
  if (state.fetching.checkpoint) follow(app);
}

function show(app, { name, checkpoint, offers, fetching, fixed }) {
  const words = `${WORDS[name || "none"] || name}${checkpoint ? `, ${checkpoint}` : ""}`;
  element("proposer").textContent = `Masks by ${words}${fetching.checkpoint ? `; fetching ${percent(fetching)}` : ""}`;
  element("proposer-now").textContent = `Now: ${words}. Better masks come from these:`;
  const rows = offers.map((offer) => offerRow(app, offer, { checkpoint, fetching, fixed }));
  if (name === "sam" && !fixed) rows.push(backRow(app, fetching));
  element("proposer-offers").replaceChildren(...rows);
  element("proposer-message").textContent = fixed ? `No other can be chosen: ${fixed}.` : fetching.problem;
}

const percent = ({ fetched, total }) => (total ? `${Math.floor((100 * fetched) / total)} %` : "…");

function offerRow(app, offer, { checkpoint, fetching, fixed }) {
  const row = make("section", "offer", "");
  const isNow = offer.checkpoint === checkpoint;
  const state = isNow ? ", at work" : offer.here ? ", on this machine" : "";
  row.append(make("b", "", offer.checkpoint));
  row.append(make("span", "dim", `${offer.megabytes} MB, ${offer.licence}${state}`));
  if (fetching.checkpoint === offer.checkpoint) {
    const bar = make("progress", "", "");
    bar.value = fetching.total ? fetching.fetched / fetching.total : 0;
    bar.setAttribute("aria-label", `Fetching ${offer.checkpoint}`);
    row.append(make("span", "numeric", `fetching ${percent(fetching)}`), bar);
  } else {
    const button = make("button", "small", offer.here ? "Use it" : "Fetch and use it");
    button.disabled = isNow || Boolean(fixed || fetching.checkpoint);
    button.addEventListener("click", () => use(app, offer.checkpoint));
    row.append(button);
  }
  row.append(make("code", "", offer.command));
  return row;
}

// The way back: SAM may be too slow for a machine.
function backRow(app, { checkpoint }) {
  const row = make("section", "offer", "");
  row.append(make("b", "", WORDS.click), make("span", "dim", "quick, for objects of photographs"));
  const button = make("button", "small", "Use it");
  button.disabled = Boolean(checkpoint);
  button.addEventListener("click", () => use(app, null));
  row.append(button);
  return row;
}

async function use(app, checkpoint) {
  try {
    const state = await request("/api/proposer", { method: "POST", body: { checkpoint } });
    show(app, state);
    if (state.fetching.checkpoint) follow(app);
    else tellUsed(app);
  } catch (error) {
    element("proposer-message").textContent = error.message;
  }
}

// Shows how a download goes on; clicking goes on, too.
async function follow(app) {
  const state = await request("/api/proposer").catch(() => null);
  if (state) show(app, state);
  if (!state || state.fetching.checkpoint) setTimeout(() => follow(app), LOOK_EVERY);
  else if (state.fetching.problem) app.toast("The proposer was not fetched; the corner of the page says why");
  else tellUsed(app);
}

function tellUsed(app) {
  element("proposer-message").textContent = "At work from the next click on.";
  app.toast(`From the next click on: ${element("proposer").textContent.toLowerCase()}`);
}
