// Title, icon, sound and notification for urgent cases that wait. They hold numbers, never words.
"use strict";

const HEARD = "console-heard"; // the waiting cases that this browser already told of
const ON = { sound: "console-sound", notice: "console-notice" };
const TONES_HZ = [660, 880];
const TONE_S = 0.18;
const title = document.title;
const icon = document.querySelector("link[rel=icon]");
const plainIcon = icon.getAttribute("href");
let audio = null;

const isOn = (name) => localStorage.getItem(ON[name]) === "1" && (name === "sound" || mayNotify());
const mayNotify = () => "Notification" in window && Notification.permission === "granted";

function play() {
  audio ??= new AudioContext();
  audio.resume(); // until a first click the browser keeps it silent
  const now = audio.currentTime;
  for (const [number, hertz] of TONES_HZ.entries()) {
    const tone = audio.createOscillator(), volume = audio.createGain();
    tone.frequency.value = hertz;
    volume.gain.value = 0.2;
    tone.connect(volume).connect(audio.destination);
    tone.start(now + number * TONE_S);
    tone.stop(now + (number + 1) * TONE_S);
  }
  document.body.dataset.sounded = String(Number(document.body.dataset.sounded ?? 0) + 1);
}

function notify(level) {
  const { title: name, alert: said } = document.body.dataset;
  const shown = new Notification(name, { body: said.replace("{level}", level), tag: "urgent", renotify: true });
  shown.onclick = () => { window.focus(); shown.close(); };
}

// A case is told of once in this browser, until it is claimed or rises to another level.
function tell() {
  const waiting = document.getElementById("waiting");
  if (!waiting) return;
  const count = Number(waiting.dataset.count);
  document.title = count ? `(${count}) ${title}` : title;
  icon.href = count ? icon.dataset.urgent : plainIcon;
  const cases = waiting.dataset.cases.split(" ").filter(Boolean);
  const before = localStorage.getItem(HEARD);
  localStorage.setItem(HEARD, cases.join(" "));
  if (before === null) return; // the first page of this browser shows what waits
  const told = new Set(before.split(" "));
  const fresh = cases.filter((each) => !told.has(each)).map((each) => each.split(":")[1]);
  if (!fresh.length) return;
  if (isOn("sound")) play();
  if (isOn("notice")) notify(fresh.sort().at(-1));
}

function show() {
  for (const button of document.querySelectorAll("[data-turns]")) {
    button.setAttribute("aria-pressed", String(isOn(button.dataset.turns)));
  }
}

async function turn(name) {
  const turnsOn = !isOn(name);
  if (turnsOn && name === "notice" && "Notification" in window) await Notification.requestPermission();
  localStorage.setItem(ON[name], turnsOn ? "1" : "0");
  const isDenied = turnsOn && name === "notice" && !mayNotify();
  document.getElementById("alert-told").textContent = isDenied ? document.querySelector(".alerts").dataset.denied : "";
  if (turnsOn && name === "sound") play(); // so that one knows it
  show();
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-turns]");
  if (button) turn(button.dataset.turns);
});
document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "urgent") tell(); });
document.addEventListener("DOMContentLoaded", () => { show(); tell(); });
