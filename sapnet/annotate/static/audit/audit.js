// Judging of one label after another, in the order of the sample. Every judgement is saved at once.

import { request } from "../shared/api.js";
import { keyName } from "../shared/keys.js";

const element = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll("[data-judgement]")];
const state = { labels: [], at: 0, outlined: true, saving: Promise.resolve() };
window.audit = state;

const pictureAddress = (number, outlined) => `/api/audit/picture?${new URLSearchParams({ number, outlined })}`;
const firstOpen = (from = 0) => state.labels.findIndex((label, i) => i >= from && !label.judgement);

function showFigures({ judged, headline, still_to_judge: missing, half_width: width }) {
  element("progress").value = state.labels.length ? judged / state.labels.length : 0;
  element("headline").textContent = headline;
  const points = (100 * width).toLocaleString("en", { maximumFractionDigits: 1 });
  element("missing").textContent = missing === null ? ""
    : missing ? `${missing} more judgements would narrow the interval to ± ${points} points`
      : `the interval is within ± ${points} points`;
}

function showProblem(message) {
  element("problem").textContent = message;
  element("problem").hidden = !message;
}

function show() {
  const label = state.labels[state.at];
  element("position").textContent = `${state.at + 1} / ${state.labels.length}`;
  element("name").textContent = label.image;
  element("question").textContent = `Is this the outline of one ${label.category}?`;
  element("picture").alt = `${label.category}, object ${label.id}, on ${label.image}`;
  const address = pictureAddress(state.at, state.outlined);
  if (element("picture").getAttribute("src") !== address) {
    showProblem("");
    element("picture").src = address;
  }
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.judgement === label.judgement));
  const next = firstOpen(state.at + 1);
  if (next >= 0) new Image().src = pictureAddress(next, true);
}

function go(number) {
  if (number < 0 || number >= state.labels.length) return;
  Object.assign(state, { at: number, outlined: true });
  show();
}

async function save(number, judgement) {
  try {
    showFigures(await request("/api/audit/judgement", { method: "PUT", body: { number, judgement } }));
    state.labels[number].judgement = judgement;
    showProblem("");
    return true;
  } catch (error) {
    showProblem(`Not saved: ${error.message}`);
    return false;
  }
}

// Judgements are saved one after another, in the order in which they were made.
function judge(judgement) {
  state.saving = state.saving.then(async () => {
    const number = state.at;
    if (!(await save(number, judgement))) return;
    const after = firstOpen(number + 1);
    const next = after >= 0 ? after : firstOpen();
    if (judgement && next >= 0) go(next);
    else show();
  });
}

function toggleOutline() {
  state.outlined = !state.outlined;
  show();
}

const actions = {
  1: () => judge("keep"), 2: () => judge("fix"), 3: () => judge("wrong"),
  k: () => judge("keep"), f: () => judge("fix"), w: () => judge("wrong"),
  " ": toggleOutline,
  ArrowLeft: () => go(state.at - 1), ArrowRight: () => go(state.at + 1), Backspace: () => judge(null),
};

async function start() {
  const session = await request("/api/audit");
  state.labels = session.labels;
  showFigures(session);
  go(Math.max(firstOpen(), 0));
  for (const button of buttons) button.addEventListener("click", () => judge(button.dataset.judgement));
  window.addEventListener("keydown", (event) => {
    const run = actions[keyName(event)];
    if (!run) return;
    event.preventDefault();
    run();
  });
}

element("picture").addEventListener("error", async () => {
  const response = await fetch(element("picture").src);
  if (!response.ok) showProblem((await response.json()).detail);
});
start().catch((error) => showProblem(error.message));
