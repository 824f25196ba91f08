// Loaded before the page is drawn: whoever sees a button with its key can press that key, however late the rest comes.
"use strict";

// --- Keys: visible on their buttons, off while typing, off or remapped by setting (WCAG 2.1.4).

let mode = null;

function typing(target) {
  return target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog");
}

function setMode(details) {
  if (mode && mode !== details) mode.open = false;
  mode = details;
  if (!details) return;
  details.open = true;
  const field = details.querySelector("input");
  (field || details.querySelector("button")).focus();
}

// Up and down the rows of a list.
function walk(step) {
  const rows = [...document.querySelectorAll(".queue .lead")];
  if (rows.length === 0) return;
  const at = rows.indexOf(document.activeElement);
  rows[Math.min(Math.max(at + step, 0), rows.length - 1)].focus();
}

const MOVES = [
  () => walk(1),
  () => walk(-1),
  () => document.querySelector("[type=search], form.filters select")?.focus(),
  () => openPalette(),
];

function moveOf(key) {
  return MOVES[(document.body.dataset.moves ?? "j k / ?").split(" ").indexOf(key)];
}

// What was sent by a key is on its way; until its page comes, the same key pressed twice must not send it twice.
const LEAVING_MS = 3000;
let leavingUntil = 0;
addEventListener("submit", (event) => { if (!event.defaultPrevented) leavingUntil = performance.now() + LEAVING_MS; });
addEventListener("pageshow", () => { leavingUntil = 0; });

function press(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.key === "Escape" && mode) { setMode(null); return; }
  if (document.body.dataset.keys !== "on" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.repeat || typing(event.target) || performance.now() < leavingUntil) return;
  if (mode && mode.open) {
    const pick = mode.querySelector(`[data-mode-key="${CSS.escape(event.key)}"]`);
    if (pick) { event.preventDefault(); pick.click(); return; }
  }
  const details = document.querySelector(`details[data-mode="${CSS.escape(event.key)}"]`);
  if (details) { event.preventDefault(); setMode(details); return; }
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (target) { event.preventDefault(); target.click(); return; }
  const move = moveOf(event.key);
  if (move) { event.preventDefault(); move(); }
}

// A page is seen while its last lines are still on the way; a key pressed then counts once they are there.
document.addEventListener("keydown", (event) => {
  if (document.readyState !== "loading") press(event);
  else document.addEventListener("DOMContentLoaded", () => press(event), { once: true });
});

// --- The palette (Ctrl+K): every page and every command of this page by name.

function commands() {
  const named = (element) => (element.dataset.name || element.getAttribute("aria-label") || element.textContent).replace(/\s+/g, " ").trim();
  const links = [...document.querySelectorAll(".rail nav a, .me a")].map((link) => ({ name: named(link), key: "", run: () => link.click() }));
  const buttons = [...document.querySelectorAll("[data-key]")].filter((b) => b.offsetParent).map((button) => ({
    name: [...button.childNodes].filter((n) => n.nodeName !== "KBD").map((n) => n.textContent).join(" ").replace(/\s+/g, " ").trim(),
    key: button.dataset.key,
    run: () => button.click(),
  }));
  const modes = [...document.querySelectorAll("details[data-mode]")].map((details) => ({
    name: [...details.querySelector("summary").childNodes].filter((n) => n.nodeName !== "KBD").map((n) => n.textContent).join(" ").trim(),
    key: details.dataset.mode,
    run: () => setMode(details),
  }));
  return [...buttons, ...modes, ...links];
}

function openPalette() {
  const palette = document.getElementById("palette");
  if (!palette || palette.open) return;
  const all = commands();
  const field = palette.querySelector("input");
  const list = palette.querySelector("ul");
  let shown = [];
  let at = 0;
  const show = () => {
    const words = field.value.toLowerCase().split(" ").filter(Boolean);
    shown = all.filter((command) => words.every((word) => command.name.toLowerCase().includes(word)));
    at = Math.min(at, Math.max(shown.length - 1, 0));
    list.replaceChildren(...shown.map((command, n) => {
      const row = document.createElement("li");
      row.id = `palette-${n}`;
      row.role = "option";
      row.ariaSelected = String(n === at);
      row.append(command.name);
      if (command.key) {
        const key = document.createElement("kbd");
        key.textContent = command.key;
        row.append(" ", key);
      }
      row.addEventListener("click", () => { palette.close(); command.run(); });
      return row;
    }));
    field.setAttribute("aria-activedescendant", shown.length ? `palette-${at}` : "");
  };
  field.value = "";
  field.oninput = () => { at = 0; show(); };
  field.onkeydown = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      at = Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), Math.max(shown.length - 1, 0));
      show();
    } else if (event.key === "Enter" && shown[at]) {
      event.preventDefault();
      palette.close();
      shown[at].run();
    }
  };
  show();
  palette.showModal();
}
