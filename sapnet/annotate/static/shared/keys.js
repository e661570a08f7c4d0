// The table of key bindings, which also gives the help. Other modes add their own rows.

const isMac = /Mac|iPhone|iPad/.test(navigator.userAgent);

function isTyping(target) {
  return target.closest && target.closest("input:not([type=radio]), select, textarea, dialog[open]");
}

function isButton(target) {
  return target.closest && target.closest("button, a, [role=radio]");
}

// Returns the name of a key in the table: "shift+c", "ctrl+z", "ArrowLeft", "?".
export function keyName(event) {
  // A digit with shift stays a digit in every keyboard layout.
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  const key = digit ? digit[1] : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isPlainSign = event.key.length === 1 && !/[a-z0-9 ]/i.test(event.key) && !digit;
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("ctrl");
  if (event.altKey) parts.push("alt");
  if (event.shiftKey && !isPlainSign) parts.push("shift");
  return [...parts, key].join("+");
}

export class Keys {
  constructor(pointer) {
    this.pointer = pointer;
    this.groups = []; // { title, rows: [{ keys, label, run }] }
    this.bindings = new Map();
    this.takesTab = () => false; // true while Tab on the image steps through candidates
    this.first = () => false; // function of a tool at work: true if it takes the key
    window.addEventListener("keydown", (event) => this.down(event));
    window.addEventListener("keyup", (event) => {
      if (event.key === " ") pointer.setSpace(false);
    });
    window.addEventListener("blur", () => pointer.setSpace(false));
  }

  // rows: [keys, label, run]; keys separated by blanks; a row without `run` only appears in the help.
  add(title, rows, { first = false } = {}) {
    const group = { title, rows };
    if (first) this.groups.unshift(group);
    else this.groups.push(group);
    for (const [keys, , run] of rows) {
      if (run) for (const key of keys.split(" ")) this.bindings.set(key, run);
    }
  }

  down(event) {
    if (event.key === " " && !isTyping(event.target) && !isButton(event.target)) {
      event.preventDefault();
      this.pointer.setSpace(true);
      return;
    }
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && isButton(event.target)) return;
    if (event.key === "Tab" && !(event.target.tagName === "CANVAS" && this.takesTab())) return;
    if (this.first(keyName(event))) {
      event.preventDefault();
      return;
    }
    const run = this.bindings.get(keyName(event));
    if (!run) return;
    event.preventDefault();
    run(event);
  }

  renderHelp(body) {
    body.replaceChildren(...this.groups.map(({ title, rows }) => {
      const section = document.createElement("section");
      const heading = document.createElement("h3");
      heading.textContent = title;
      const list = document.createElement("dl");
      for (const [keys, label, , shown] of rows) {
        const term = document.createElement("dt");
        for (const key of (shown || keys).split(" ")) term.append(keyCap(key), " ");
        const text = document.createElement("dd");
        text.textContent = label;
        list.append(term, text);
      }
      section.append(heading, list);
      return section;
    }));
  }
}

const SIGNS = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Backspace: "⌫ Backspace",
  ctrl: isMac ? "⌘" : "Ctrl", shift: "Shift", alt: isMac ? "⌥" : "Alt", " ": "Space",
};

function keyCap(name) {
  const cap = document.createElement("kbd");
  const parts = name === "+" ? ["+"] : name.split("+");
  cap.textContent = parts.map((part) => SIGNS[part] || (part.length === 1 ? part.toUpperCase() : part)).join(" ");
  return cap;
}
