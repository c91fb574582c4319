// Keyboard, live pages, countdowns. All content comes as HTML from the server (htmx).
"use strict";

const NEAR_BOTTOM_PX = 120;
const root = document.body.dataset.root;
// What is said after a sign-in is said once, and not again at a reload.
if (location.search === "?signed_in=1") history.replaceState(null, "", location.pathname);
let chosen = null; // the case that is selected in the queue

const rows = () => [...document.querySelectorAll("tr[data-case]")];

function choose(row, focus = true) {
  for (const other of rows()) other.classList.toggle("chosen", other === row);
  chosen = row ? row.dataset.case : null;
  if (!row) return;
  if (focus) row.querySelector("a").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const now = all.findIndex((row) => row.dataset.case === chosen);
  const next = now < 0 ? (step > 0 ? 0 : all.length - 1) : now + step;
  choose(all[Math.max(0, Math.min(all.length - 1, next))]);
}

function press(key) {
  const button = document.querySelector(`.acts [data-key="${key}"]`);
  if (button) { button.click(); return; }
  const row = rows().find((each) => each.dataset.case === chosen);
  if (!row) return;
  if (key === "c") {
    htmx.ajax("POST", `${root}/cases/${chosen}/claim`, { source: row, target: "#notice", swap: "innerHTML" });
  } else {
    row.querySelector("a").click();
  }
}

function isTyping(element) {
  return element instanceof Element && element.matches("input, textarea, select, [contenteditable]");
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  c: () => press("c"),
  t: () => press("t"),
  r: () => document.getElementById("reply-words")?.focus(),
  q: () => { location.href = `${root}/`; },
  "?": () => document.getElementById("keys").showModal(),
  Enter: () => rows().find((row) => row.dataset.case === chosen)?.querySelector("a").click(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isTyping(event.target)) { event.target.blur(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
    const sends = event.key === "Enter" && event.target instanceof HTMLTextAreaElement;
    if (sends && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
    return;
  }
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  const act = KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  if (event.target.closest("[data-keys]")) { KEYS["?"](); return; }
  // A refresh removes the button, but not the element that asks for words.
  if (event.target.closest("[data-show-words]")) { htmx.trigger(document.body, "words"); return; }
  const copies = event.target.closest("[data-copies]");
  if (copies) { copy(document.getElementById(copies.dataset.copies), document.getElementById(copies.dataset.into)); return; }
  const row = event.target.closest("tr[data-case]");
  if (row && !event.target.closest("a") && !String(getSelection())) row.querySelector("a").click();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// Append an example to the typed text.
function copy(from, into) {
  into.value = into.value.trim() ? `${into.value.trimEnd()}\n${from.textContent}` : from.textContent;
  into.focus();
}

// Fields stay in the page, so that no typed text is lost. The state says which ones are usable.
function sync() {
  const state = document.getElementById("state");
  if (!state) return;
  for (const part of document.querySelectorAll("[data-needs]")) part.disabled = state.dataset[part.dataset.needs] !== "1";
  for (const part of document.querySelectorAll("[data-shows]")) part.hidden = state.dataset[part.dataset.shows] !== "1";
}

function tick() {
  for (const time of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.round((Date.parse(time.dataset.until) - Date.now()) / 1000));
    if (!left) time.closest("[data-passing]")?.remove(); // what it offered is over
    time.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  }
}

function stick(pane) {
  let near = true;
  const toEnd = () => { if (near) pane.scrollTop = pane.scrollHeight; };
  pane.addEventListener("scroll", () => {
    near = pane.scrollHeight - pane.scrollTop - pane.clientHeight < NEAR_BOTTOM_PX;
  }, { passive: true });
  new MutationObserver(toEnd).observe(pane, { childList: true, subtree: true });
  toEnd();
}

function settle() {
  sync();
  tick();
  const row = rows().find((each) => each.dataset.case === chosen);
  if (row) choose(row, document.activeElement === document.body);
}

document.addEventListener("htmx:afterSwap", settle);
document.addEventListener("htmx:oobAfterSwap", settle);

document.addEventListener("acted", (event) => {
  if (event.target instanceof HTMLFormElement && event.target.matches("[data-act]")) {
    event.target.reset();
    event.target.closest("details")?.removeAttribute("open");
  }
});

function say(text) {
  const notice = document.getElementById("notice");
  if (!notice) return;
  const line = document.createElement("p");
  line.className = "notice refused";
  line.textContent = text;
  notice.replaceChildren(line);
}

document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) location.reload(); // the page then says how to come back
  else if (event.detail.requestConfig.verb !== "get") say(document.body.dataset.failed);
});
document.addEventListener("htmx:sendError", (event) => {
  if (event.detail.requestConfig.verb !== "get") say(document.body.dataset.failed);
});
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  if (event.detail.type === "ended") location.reload();
});

let interrupted = false;
function live(isLive) {
  document.getElementById("offline").hidden = isLive;
  if (isLive) document.body.dataset.live = "";
  else delete document.body.dataset.live;
}
document.addEventListener("htmx:sseOpen", () => {
  live(true);
  if (interrupted) htmx.trigger(document.body, "acted"); // catch up on what was missed
  interrupted = false;
});
document.addEventListener("htmx:sseError", () => { interrupted = true; live(false); });

document.addEventListener("DOMContentLoaded", () => {
  for (const pane of document.querySelectorAll("[data-stick]")) stick(pane);
  for (const button of document.querySelectorAll("[data-apply]")) button.hidden = true; // a choice applies
  sync();
  tick();
  setInterval(tick, 1000);
});
