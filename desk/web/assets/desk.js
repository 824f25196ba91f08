// The desk works without this file. It adds: live updates, keys, the live rule check, heartbeats of claims.
"use strict";

const csrf = document.body.dataset.csrf;

function post(url, fields) {
  const body = new URLSearchParams({ ...fields, csrf });
  return fetch(url, { method: "POST", body, headers: { "x-csrf-token": csrf } });
}

// --- Live updates: the server says what changed, the page fetches itself and swaps the part that shows it.

async function refresh(part) {
  // Do not pull an open panel or a half-filled field from under a person.
  if (part.contains(document.activeElement) && document.activeElement !== document.body) return;
  if (part.querySelector("details[open]")) return;
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
  if (fresh) part.replaceWith(document.adoptNode(fresh));
}

const waiting = new Map();
function later(part) {
  if (waiting.has(part.id)) return;
  waiting.set(part.id, setTimeout(() => {
    waiting.delete(part.id);
    refresh(part);
  }, 400));
}

if (document.querySelector("[data-live]")) {
  const live = new EventSource("/live");
  live.addEventListener("changed", (event) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      if (part.dataset.live.split(" ").includes(event.data)) later(part);
    }
  });
  addEventListener("pagehide", () => live.close());
}

// --- Keys: visible on their buttons, off while typing, off by setting (WCAG 2.1.4).

let mode = null;

function typing(target) {
  return target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
}

function setMode(details) {
  if (mode && mode !== details) mode.open = false;
  mode = details;
  if (!details) return;
  details.open = true;
  const field = details.querySelector("input");
  (field || details.querySelector("button")).focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && mode) { setMode(null); return; }
  if (document.body.dataset.keys !== "on" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.repeat || typing(event.target)) return;
  if (mode && mode.open) {
    const pick = mode.querySelector(`[data-mode-key="${CSS.escape(event.key)}"]`);
    if (pick) { event.preventDefault(); pick.click(); return; }
  }
  const details = document.querySelector(`details[data-mode="${CSS.escape(event.key)}"]`);
  if (details) { event.preventDefault(); setMode(details); return; }
  if (event.key === "v") {
    const veil = document.getElementById("reveal");
    if (veil) { event.preventDefault(); veil.checked = !veil.checked; }
    return;
  }
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (target) { event.preventDefault(); target.click(); }
});

// --- A decision can be taken back for ten seconds; then the button goes.

for (const notice of document.querySelectorAll("[data-undo]")) {
  const button = notice.querySelector("[data-key=u]");
  let left = Number(notice.dataset.undo);
  const tick = setInterval(() => {
    left -= 1;
    if (left <= 0) {
      clearInterval(tick);
      button.form.remove();
    }
  }, 1000);
}

// --- A claim lives as long as its page shows signs of life.

const beat = document.querySelector("[data-heartbeat]");
if (beat) {
  const timer = setInterval(async () => {
    const answer = await post(beat.dataset.heartbeat, {});
    if (answer.status === 410) {
      clearInterval(timer);
      location.reload();
    }
  }, 60000);
}

// --- Rules: checked half a second after the last key.

for (const field of document.querySelectorAll("[data-check]")) {
  let timer = null;
  let turn = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++turn;
      const answer = await post(field.dataset.check, { source: field.value });
      if (!answer.ok || mine !== turn) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("problems").replaceChildren(...fresh.body.childNodes);
    }, 500);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") field.blur();
  });
}

// --- Filters apply themselves; the button is for pages without script.

for (const form of document.querySelectorAll("form.filters")) {
  form.addEventListener("change", () => form.requestSubmit());
}
