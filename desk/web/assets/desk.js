// The desk works without this file. It adds: live updates, the live rule check, heartbeats of claims.
"use strict";

const csrf = document.body.dataset.csrf;

function post(url, fields) {
  const body = new URLSearchParams({ ...fields, csrf });
  return fetch(url, { method: "POST", body, headers: { "x-csrf-token": csrf } });
}

// --- Live updates: the server says what changed, the page fetches itself and swaps the part that shows it.

const LOOK_AFTER_MS = 400;
const due = new Set();
const fetching = new Set();

function later(id) {
  if (due.has(id)) return;
  due.add(id);
  setTimeout(() => {
    due.delete(id);
    refresh(id);
  }, LOOK_AFTER_MS);
}

// An open panel or a half-filled field is not pulled from under a person; the part is looked at again when they left it.
function inUse(part) {
  return (part.contains(document.activeElement) && document.activeElement !== document.body) || part.querySelector("details[open]");
}

async function refresh(id) {
  const part = document.getElementById(id);
  if (!part) return;
  // One at a time: a slow answer must not overwrite a newer one.
  if (inUse(part) || fetching.has(id)) return later(id);
  fetching.add(id);
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
    if (fresh && inUse(part)) later(id);
    else if (fresh) part.replaceWith(document.adoptNode(fresh));
  } finally {
    fetching.delete(id);
  }
}

if (document.querySelector("[data-live]")) {
  const live = new EventSource("/live");
  live.addEventListener("changed", (event) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      if (part.dataset.live.split(" ").includes(event.data)) later(part.id);
    }
  });
  // What was announced before this page listened is lost; a part that waits for the machine looks for itself.
  live.addEventListener("open", () => document.querySelectorAll("[data-live][data-waits]").forEach((part) => later(part.id)));
  addEventListener("pagehide", () => live.close());
}

// --- A decision can be taken back for ten seconds; then the button goes.

for (const notice of document.querySelectorAll("[data-undo]")) {
  const button = notice.querySelector("[data-undo-button]");
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

// --- What costs more than its page is fetched after it and put in its place; the link is for pages without script.

async function fill(asker, answer) {
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of asker.dataset.fill.split(" ")) {
    const [there, here] = [fresh.getElementById(id), document.getElementById(id)];
    if (there && here) here.replaceChildren(...there.childNodes);
  }
  asker.remove();
}

for (const link of document.querySelectorAll("a[data-fill]")) {
  fetch(link.href).then((answer) => answer.ok && fill(link, answer));
}

// --- What a person asks for by a button (a translation) comes into its place too; what fails is shown as a page.

for (const form of document.querySelectorAll("form[data-fill]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    const answer = await post(form.action, {});
    if (answer.ok) await fill(form, answer);
    else form.submit();
  });
}
