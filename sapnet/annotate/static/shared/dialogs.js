// Dialogs: help, and conflicting changes of an image.

const element = (id) => document.getElementById(id);

export function setUpHelp(keys) {
  const dialog = element("help-dialog");
  const show = () => {
    keys.renderHelp(element("help-body"));
    dialog.showModal();
  };
  element("help").addEventListener("click", show);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "?") dialog.close();
  });
  return show;
}

// Asks what to do if an image was changed elsewhere: load that version, or overwrite it.
export function setUpConflict(app) {
  const dialog = element("conflict-dialog");
  let conflict = null;
  app.saver.addEventListener("conflict", ({ detail }) => {
    conflict = detail;
    const theirs = detail.error.body.document.objects.length;
    const mine = detail.held.kept.length;
    const count = (number) => `${number} ${number === 1 ? "object" : "objects"}`;
    element("conflict-text").textContent = `${detail.name} was changed in another tab or by somebody `
      + `else. Saved there: ${count(theirs)}. Here, not saved yet: ${count(mine)}.`;
    if (!dialog.open) dialog.showModal();
  });
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // the user must choose
  element("conflict-reload").addEventListener("click", () => {
    app.store.reload(conflict.name, conflict.error.body.document);
    app.saver.report("saved");
    dialog.close();
  });
  element("conflict-overwrite").addEventListener("click", () => {
    conflict.held.isConflicting = false;
    dialog.close();
    app.saver.save(conflict.name, { overwrite: true });
  });
}

export function setUpTheme() {
  const root = document.documentElement;
  const stored = localStorage.getItem("sapnet-theme");
  if (stored) root.dataset.theme = stored;
  element("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    localStorage.setItem("sapnet-theme", root.dataset.theme);
  });
}
