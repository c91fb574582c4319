// Keyboard, scrolling, tabs and toasts. Messages come over server-sent events; see stream.py.
"use strict";

const TOAST_SHOWN_MS = 6000;
const NEAR_BOTTOM_PX = 120;
const TALLEST_BOX_PX = 180;

function composerOf(element) {
  return element.closest("[data-composer]");
}

function fit(box) {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, TALLEST_BOX_PX)}px`;
}

function stopEditing(form) {
  const note = form.querySelector(".editing");
  if (note) note.hidden = true;
  const id = form.querySelector("[name=edit_id]");
  if (id) id.value = "";
}

function clear(form) {
  const box = form.querySelector("textarea");
  box.value = "";
  fit(box);
  stopEditing(form);
  for (const menu of form.querySelectorAll("details[open]")) menu.open = false;
}

function editLast(form) {
  const mine = document.querySelectorAll("#chat .msg.mine[data-editable]");
  const last = mine[mine.length - 1];
  if (!last) return;
  const box = form.querySelector("textarea");
  form.querySelector("[name=edit_id]").value = last.dataset.message;
  form.querySelector(".editing").hidden = false;
  form.querySelector("details").open = false;
  box.value = last.querySelector(".words").textContent;
  fit(box);
  box.focus();
}

function toast(text) {
  const made = document.createElement("div");
  made.className = "toast";
  made.textContent = text;
  document.getElementById("toasts").append(made);
}

function stick(pane) {
  let near = true;
  const toEnd = () => { pane.scrollTop = pane.scrollHeight; };
  pane.addEventListener("scroll", () => {
    near = pane.scrollHeight - pane.scrollTop - pane.clientHeight < NEAR_BOTTOM_PX;
  }, { passive: true });
  new MutationObserver(() => { if (near) toEnd(); })
    .observe(pane, { childList: true, subtree: true, characterData: true });
  new ResizeObserver(() => { if (near) toEnd(); }).observe(pane);
  pane.addEventListener("load", () => { if (near) toEnd(); }, true);
  toEnd();
}

function show(view) {
  document.body.dataset.view = view;
  for (const tab of document.querySelectorAll("[data-show]")) {
    tab.setAttribute("aria-pressed", String(tab.dataset.show === view));
  }
  for (const pane of document.querySelectorAll("[data-stick]")) pane.scrollTop = pane.scrollHeight;
}

document.addEventListener("keydown", (event) => {
  const box = event.target;
  if (box instanceof HTMLTextAreaElement && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (box.value.trim()) composerOf(box).requestSubmit();
  }
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details[open]")) menu.open = false;
    const form = document.querySelector("[data-composer]");
    if (form && !form.querySelector(".editing")?.hidden) clear(form);
  }
});

document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLTextAreaElement) fit(event.target);
});

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return;
  const tab = target.closest("[data-show]");
  if (tab) show(tab.dataset.show);
  if (target.closest("[data-edit-last]")) editLast(composerOf(target));
  if (target.closest("[data-cancel]")) clear(composerOf(target));
  target.closest("[data-close]")?.closest(".toast").remove();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
});

document.addEventListener("htmx:afterRequest", (event) => {
  const source = event.detail.elt;
  if (!event.detail.successful) {
    toast(document.body.dataset.failed);
    return;
  }
  const form = composerOf(source);
  if (form && (source === form || source.matches("[data-sends]"))) {
    clear(form);
    form.querySelector("textarea").focus();
  }
});

document.addEventListener("htmx:sseOpen", () => { document.body.dataset.live = ""; });
document.addEventListener("htmx:sseError", () => { delete document.body.dataset.live; });

document.addEventListener("DOMContentLoaded", () => {
  for (const pane of document.querySelectorAll("[data-stick]")) stick(pane);
  show(document.body.dataset.view);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const added of change.addedNodes) {
        if (added instanceof Element && !added.matches(".alert")) {
          setTimeout(() => added.remove(), TOAST_SHOWN_MS);
        }
      }
    }
  }).observe(document.getElementById("toasts"), { childList: true });
  if (matchMedia("(min-width: 60rem)").matches) {
    document.querySelector(".chat textarea")?.focus();
  }
});
