// The side panel of a review: the object, the uncertainty of its label, and the actions.

import { WORDS } from "./queue.js";

const element = (id) => document.getElementById(id);

export function buildPanel(review) {
  const { app } = review;
  const panel = element("mode-panel");
  panel.hidden = false;
  panel.setAttribute("aria-labelledby", "review-title");
  panel.innerHTML = `
    <h2 id="review-title"><span class="swatch" id="review-swatch"></span><span id="review-class" class="class-name"></span>
      <span id="review-decision" class="decision"></span></h2>
    <div class="doubt-line"><span>Uncertainty</span><meter id="review-doubt" min="0" max="1" aria-label="Uncertainty"></meter>
      <span id="review-doubt-text" class="numeric"></span></div>
    <div class="review-actions">
      <button id="review-keep" class="primary">Keep mask <kbd>⏎</kbd></button>
      <button id="review-delete" title="This is no object (Backspace)">Delete <kbd>⌫</kbd></button>
      <button id="review-reopen" title="Back to the label, undecided (R)">Reopen <kbd>R</kbd></button>
    </div>
    <p id="review-hint" class="dim hint"></p>`;
  const actions = { keep: () => review.keep(), delete: () => review.remove(), reopen: () => review.reopen() };
  for (const [name, run] of Object.entries(actions)) {
    element(`review-${name}`).addEventListener("click", () => {
      run();
      app.view.canvas.focus({ preventScroll: true });
    });
  }
  // Then Enter keeps the mask instead of pressing the picture again.
  element("candidates").addEventListener("click", () => app.view.canvas.focus({ preventScroll: true }));
  element("toggle-list").setAttribute("aria-label", "Queue of labels");
  const [tool] = element("tools").querySelectorAll("[data-tool=new]");
  tool.title = "Click: the object is here";
  tool.querySelector("span").textContent = "Re-click";
}

// Shows the current object; called when it, its candidates or its decision changed.
export function showObject(review) {
  if (!element("review-title")) return;
  const { app, object, entry, answer } = review;
  element("review-keep").disabled = element("review-delete").disabled = !object;
  element("review-reopen").disabled = !object || !(object.decision || review.isClickedAgain(object));
  if (!object || !entry) return;
  element("review-swatch").style.background = app.colorOf(object.category_id);
  element("review-class").textContent = app.nameOf(object.category_id);
  const box = element("review-decision");
  box.textContent = object.decision ? WORDS[object.decision] : "";
  box.dataset.decision = object.decision || "";
  element("review-doubt").value = entry.uncertainty;
  element("review-doubt-text").textContent = entry.uncertainty.toFixed(2);
  element("review-hint").textContent = hint(review, object, answer);
}

function hint(review, object, answer) {
  if (object.decision === "deleted") return "No object any more. Reopen brings it back.";
  if (review.isClickedAgain(object)) return "New candidates for the new click; Enter keeps the one shown.";
  const scored = answer && answer.scored_by === "proposer" ? "Scores are the proposer's." : "";
  return `Wrong mask? C shows the next one, a click asks for new ones. ${scored}`.trim();
}
