// The page: pictures onto the canvas, words beside it.

import {Connection} from "./connection.js";
import {decode} from "./message.js";
import {duration, facts, lamp, notices} from "./verdict.js";

const element = (id) => document.getElementById(id);
const canvas = element("picture");
const context = canvas.getContext("2d", {alpha: false});
const screen = element("screen");

const HIDDEN_MS = 10000; // a page behind others asks for no pictures after this
const RATE_MS = 2000;
const WORDS_MS = 250;

let hello = null;
let connected = false;
let reason = "";
let header = null; // of the picture on the canvas
let arrived = 0; // when it came, performance.now()
let jpeg = null; // the picture itself, for saving
let status = null;
let pixelAspect = 1;
let shownAt = [];
let queue = Promise.resolve();

const connection = new Connection({
  open(said) {
    if (hello && said.page !== hello.page) location.reload();
    hello = said;
    connected = true;
    pixelAspect = said.pixel_aspect;
    element("camera").textContent = said.camera;
    element("logout").hidden = !said.password;
    listStreams(said.streams);
    say();
  },
  message(buffer) {
    const message = decode(buffer);
    if (message.header.stream === "status") {
      status = message.header.status;
      return;
    }
    // One after another: decoding takes a while, and pictures must not overtake each other.
    queue = queue.then(() => show(message));
  },
  closed(why) {
    connected = false;
    reason = why;
    status = null;
    say();
  },
});

async function show(message) {
  try {
    const blob = new Blob([message.payload], {type: "image/jpeg"});
    const bitmap = await createImageBitmap(blob);
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    canvas.style.setProperty("--aspect", (bitmap.width * pixelAspect) / bitmap.height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    [header, jpeg, arrived] = [message.header, blob, performance.now()];
    shownAt.push(arrived);
    element("save").disabled = false;
  } catch (error) {
    console.error("picture not shown", error);
  }
  // Only now: the server then sends no more than this device can show.
  connection.send({shown: message.header.seq});
}

// Milliseconds since the moment that the picture shows. A recording's stamps are no Unix time: then since it was published.
function age() {
  if (!header) return null;
  const stamp = (header.clock === "file" ? header.publish_ns : header.capture_ns) / 1e6;
  const now = connection.now();
  if (now !== null) return Math.max(0, now - stamp);
  return header.publish_ns / 1e6 - stamp + performance.now() - arrived;
}

function say() {
  const now = performance.now();
  shownAt = shownAt.filter((at) => now - at < RATE_MS);
  const known = {connected, reason, header, status, ageMs: age()};
  const {state, text} = lamp(known);
  element("live").className = state;
  setText(element("live-text"), text);
  setText(element("age"), header ? `${duration(known.ageMs)} behind` : "–");
  setText(element("rate"), `${Math.round((1000 * shownAt.length) / RATE_MS)} fps`);
  const stale = state === "old";
  screen.classList.toggle("stale", stale);
  element("stale").hidden = !stale;
  if (stale) setText(element("stale"), `This picture is ${duration(known.ageMs)} old`);
  const said = notices(known);
  list(element("notices"), said.map(({level, text: words}) => [words, level]));
  document.title = `${said.some(({level}) => level === "error") ? "⚠ " : ""}${hello?.camera ?? "Nightglass"}`;
  canvas.setAttribute("aria-label", `${hello?.camera ?? ""} ${header?.stream ?? ""} picture, ${text.toLowerCase()}`);
  writeFacts(facts(known));
}

// Only what has changed: screen readers read what is written anew.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function list(node, items) {
  const wanted = items.map(([text, level]) => `${level}: ${text}`).join("\n");
  if (node.dataset.said === wanted) return;
  node.dataset.said = wanted;
  node.replaceChildren(
    ...items.map(([text, level]) => {
      const item = document.createElement("li");
      item.className = level;
      item.textContent = text;
      return item;
    }),
  );
}

function writeFacts(pairs) {
  const node = element("facts");
  if (node.children.length !== 2 * pairs.length) {
    node.replaceChildren(...pairs.flatMap(() => [document.createElement("dt"), document.createElement("dd")]));
  }
  pairs.forEach(([name, text], place) => {
    setText(node.children[2 * place], name);
    setText(node.children[2 * place + 1], text);
  });
}

function listStreams(streams) {
  const node = element("streams");
  node.hidden = streams.length < 2;
  const chosen = connection.stream ?? streams[0];
  node.replaceChildren(
    ...streams.map((stream) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, {type: "radio", name: "stream", value: stream, checked: stream === chosen});
      input.addEventListener("change", () => connection.watch(stream));
      label.append(input, stream.charAt(0).toUpperCase() + stream.slice(1));
      return label;
    }),
  );
}

element("save").addEventListener("click", () => {
  const moment = new Date(header.clock === "file" ? header.publish_ns / 1e6 : header.capture_ns / 1e6);
  const stamp = moment.toISOString().replace(/[:.]/g, "-");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(jpeg);
  link.download = `${header.camera}-${header.stream}-${stamp}.jpg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});

// iPhones have no full screen for anything but videos: there the picture takes the whole page instead.
async function setFull(full) {
  screen.classList.toggle("full", full);
  document.body.classList.toggle("full", full);
  element("full").setAttribute("aria-pressed", full);
  try {
    if (full) await screen.requestFullscreen?.({navigationUI: "hide"});
    else if (document.fullscreenElement) await document.exitFullscreen();
  } catch (error) {
    console.warn("no full screen", error);
  }
  keepAwake(full);
}

let awake = null;
async function keepAwake(wanted) {
  try {
    if (wanted) awake = await navigator.wakeLock?.request("screen");
    else await awake?.release();
  } catch (error) {
    console.warn("the screen may go dark", error);
  }
}

element("full").addEventListener("click", () => setFull(!screen.classList.contains("full")));
canvas.addEventListener("dblclick", () => setFull(!screen.classList.contains("full")));
document.addEventListener("fullscreenchange", () => {
  if (!document.fullscreenElement && screen.classList.contains("full")) setFull(false);
});

let hideTimer = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hideTimer);
  if (document.hidden) hideTimer = setTimeout(() => connection.stop(), HIDDEN_MS);
  else connection.start();
});
addEventListener("online", () => connection.start());

setInterval(say, WORDS_MS);
connection.start();
