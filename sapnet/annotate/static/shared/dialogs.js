// Dialogs: help, search for a class, and conflicting changes of an image.

const element = (id) => document.getElementById(id);
const MATCHES = 12; // largest number of listed classes

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

export function setUpClassFinder(app) {
  const dialog = element("class-dialog");
  const input = element("class-find");
  const list = element("class-matches");
  let [matches, at] = [[], 0];

  const render = () => {
    const text = input.value.trim().toLowerCase();
    const found = app.store.categories.filter(({ name }) => name.toLowerCase().includes(text));
    found.sort((a, b) => b.name.toLowerCase().startsWith(text) - a.name.toLowerCase().startsWith(text));
    matches = found.slice(0, MATCHES);
    at = Math.min(at, Math.max(0, matches.length - 1));
    list.replaceChildren(...matches.map(({ id, name }, place) => {
      const item = document.createElement("li");
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = app.colorOf(id);
      item.append(swatch, name);
      item.setAttribute("aria-selected", String(place === at));
      item.addEventListener("click", () => choose(id));
      return item;
    }));
  };
  const choose = (id) => {
    app.store.setCategory(id);
    dialog.close();
  };
  input.addEventListener("input", () => { at = 0; render(); });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) at = Math.min(Math.max(at + step, 0), matches.length - 1);
    else if (event.key === "Enter" && matches[at]) choose(matches[at].id);
    else return;
    event.preventDefault();
    render();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  const show = () => {
    input.value = "";
    at = 0;
    render();
    dialog.showModal();
    input.focus();
  };
  element("find-class").addEventListener("click", show);
  return show;
}

// Asks what to do if an image was changed elsewhere: load that version, or overwrite it.
export function setUpConflict(app) {
  const dialog = element("conflict-dialog");
  let conflict = null;
  app.saver.addEventListener("conflict", ({ detail }) => {
    conflict = detail;
    const theirs = detail.error.body.document.objects.length;
    const mine = detail.held.objects.length;
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
