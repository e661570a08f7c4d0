// The dialog of the classes: find one, create one, and rename, recolor, merge or delete one.

import { loadSession, request } from "../shared/api.js";
import { classColor } from "../shared/colors.js";

const MATCHES = 12; // largest number of listed classes
const element = (id) => document.getElementById(id);
const reopened = (count, name) => (
  `${count} finished ${count === 1 ? "image was" : "images were"} not searched for “${name}”: done for the other ` +
  "classes only, and listed as not done."
);
const objects = (count) => `${count} ${count === 1 ? "object" : "objects"}`;

// Sets up the dialog; returns the function that opens it.
export function setUpClasses(app) {
  const { store } = app;
  const [dialog, input, list] = [element("class-dialog"), element("class-find"), element("class-matches")];
  let [matches, at, edited] = [[], 0, null];

  const render = () => {
    const text = input.value.trim();
    const lower = text.toLowerCase();
    const found = store.categories.filter(({ name }) => name.toLowerCase().includes(lower));
    found.sort((a, b) => b.name.toLowerCase().startsWith(lower) - a.name.toLowerCase().startsWith(lower));
    matches = found.slice(0, MATCHES);
    if (text && app.session.mode === "annotate" && !store.categories.some(({ name }) => name === text)) {
      matches.push({ id: null, name: text });
    }
    at = Math.min(at, Math.max(0, matches.length - 1));
    list.replaceChildren(...matches.map(row));
    element("class-empty").hidden = matches.length > 0;
  };

  const row = (category, place) => {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(place === at));
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = category.id === null ? "none" : app.colorOf(category.id);
    const name = document.createElement("span");
    name.className = "class-name";
    name.textContent = category.id === null ? `Create \u201c${category.name}\u201d` : category.name;
    item.append(swatch, name);
    item.addEventListener("click", () => choose(category));
    if (category.id !== null && app.session.mode === "annotate") {
      const edit = document.createElement("button");
      edit.className = "link";
      edit.textContent = "edit";
      edit.setAttribute("aria-label", `Edit ${category.name}`);
      edit.addEventListener("click", (event) => { event.stopPropagation(); openEditor(category); });
      item.append(edit);
    }
    return item;
  };

  const choose = async (category) => {
    let { id } = category;
    if (id === null) {
      const before = new Set(store.categories.map((known) => known.id));
      const { length } = store.images.filter(({ done }) => done);
      if (!await change({ action: "add", name: category.name }, length > 0)) return;
      if (length) app.toast(reopened(length, category.name));
      id = store.categories.find((known) => !before.has(known.id)).id;
    }
    store.setCategory(id);
    dialog.close();
  };

  // Sends a change and shows what came of it; returns true on success.
  const change = async (body, touchesObjects = false) => {
    try {
      await app.saver.settled(); // the server changes what it has
      const classes = await request("/api/classes", { method: "POST", body });
      if (touchesObjects) store.forget();
      app.takeClasses(classes);
      if (touchesObjects) await app.loadAgain(await loadSession());
    } catch (error) {
      app.toast(error.message);
      return false;
    }
    return true;
  };

  const openEditor = async ({ id }) => {
    await app.saver.settled().catch(() => {}); // the numbers of objects are the server's
    app.takeClasses(await request("/api/classes"));
    edited = store.categories.find((category) => category.id === id);
    element("class-edit").hidden = false;
    element("class-name").value = edited.name;
    element("class-color").value = app.colorOf(id);
    element("class-merge").replaceChildren(...store.categories.filter((other) => other !== edited).map((other) => {
      const option = document.createElement("option");
      [option.value, option.textContent] = [other.id, other.name];
      return option;
    }));
    element("class-merge-now").disabled = store.categories.length < 2;
    element("class-merge-now").textContent = `Merge (${objects(edited.objects)})`;
    element("class-delete").textContent = `Delete with ${objects(edited.objects)}`;
    element("class-name").focus();
  };
  const finish = async (body, touchesObjects) => {
    if (!await change({ id: edited.id, ...body }, touchesObjects)) return;
    element("class-edit").hidden = true;
    render();
  };
  element("class-save").addEventListener("click", async () => {
    const [name, color] = [element("class-name").value, element("class-color").value];
    const isNewColor = color !== app.colorOf(edited.id);
    if (name !== edited.name && !await change({ id: edited.id, action: "rename", name })) return;
    if (isNewColor) await change({ id: edited.id, action: "recolor", color });
    element("class-edit").hidden = true;
    render();
  });
  element("class-merge-now").addEventListener("click", () => finish(
    { action: "merge", into: Number(element("class-merge").value), objects: edited.objects }, true,
  ));
  element("class-delete").addEventListener("click", () => finish(
    { action: "delete", objects: edited.objects }, true,
  ));

  input.addEventListener("input", () => { at = 0; render(); });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) at = Math.min(Math.max(at + step, 0), matches.length - 1);
    else if (event.key === "Enter" && matches[at]) choose(matches[at]);
    else return;
    event.preventDefault();
    render();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return; // a search field would take the first one
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  const show = () => {
    input.value = "";
    at = 0;
    element("class-edit").hidden = true;
    render();
    dialog.showModal();
    input.focus();
  };
  element("find-class").addEventListener("click", show);
  return show;
}

// The color of a class: the chosen one, else by its place.
export function colorOf(category, place) {
  return (category && category.color) || classColor(place);
}
