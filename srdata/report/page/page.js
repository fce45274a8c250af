"use strict";

// The viewer: one place and one zoom for both panes, so that they can never show different parts.
const viewer = document.getElementById("viewer");
const layers = document.getElementById("viewer-layer");
const panes = [...viewer.querySelectorAll(".pane")];
const tiles = [...document.querySelectorAll(".tile")];
const pointers = new Map();
const view = { tile: 0, x: 0, y: 0, zoom: 1, width: 1, height: 1 }; // x and y: the HR pixel in the middle

const STEP = 64; // screen pixels that an arrow key moves
const FACTOR = 1.25; // of a zoom by key or button
const [LEAST, MOST] = [0.05, 64]; // screen pixels for each HR pixel

// To whole pixels of the screen: between them a browser would blur what it shows.
const whole = (value) => Math.round(value * devicePixelRatio) / devicePixelRatio;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function open(number) {
  const tile = tiles[(number + tiles.length) % tiles.length];
  const kept = layers.value;
  const names = [...tile.querySelectorAll("img[data-layer]")].map((image) => image.dataset.layer);
  layers.replaceChildren(...names.filter((name) => name !== "hr").map((name) => new Option(`LR ${name}`, name)));
  layers.value = names.includes(kept) ? kept : names.at(-1);
  layers.hidden = names.length < 3;
  view.tile = tiles.indexOf(tile);
  document.getElementById("viewer-title").textContent = tile.dataset.title;
  if (!viewer.open) viewer.showModal();
  show();
  fit();
}

function show() {
  const tile = tiles[view.tile];
  for (const pane of panes) {
    const layer = pane.dataset.side === "hr" ? "hr" : layers.value;
    const source = tile.querySelector(`img[data-layer="${CSS.escape(layer)}"]`);
    const image = pane.querySelector("img");
    image.src = source.src;
    image.alt = source.alt;
    pane.querySelector(".side").textContent = source.alt.split(" of ")[0];
    const [width, height] = ["width", "height"].map((side) => Number(source.getAttribute(side)));
    if (layer === "hr") [view.width, view.height] = [width, height];
    image.dataset.factor = view.width / width; // screen pixels for each of its own, at 100 %
  }
}

function draw() {
  view.zoom = clamp(view.zoom, LEAST, MOST);
  view.x = clamp(view.x, 0, view.width);
  view.y = clamp(view.y, 0, view.height);
  for (const pane of panes) {
    const image = pane.querySelector("img");
    const left = whole(pane.clientWidth / 2 - view.x * view.zoom);
    const top = whole(pane.clientHeight / 2 - view.y * view.zoom);
    image.style.width = `${view.width}px`;
    image.style.height = `${view.height}px`;
    image.style.transform = `translate(${left}px, ${top}px) scale(${view.zoom})`;
    image.style.imageRendering = view.zoom * image.dataset.factor < 1 ? "auto" : "pixelated";
  }
  const percent = Math.round(view.zoom * 100);
  const place = `pixel (${Math.floor(view.x)}, ${Math.floor(view.y)})`;
  document.getElementById("viewer-state").value = `${percent} % · ${place} of ${tiles[view.tile].dataset.where}`;
}

function fit() {
  const [pane] = panes;
  view.zoom = Math.min(pane.clientWidth / view.width, pane.clientHeight / view.height);
  [view.x, view.y] = [view.width / 2, view.height / 2];
  draw();
}

// Zoom so that what is under the point (from the middle of a pane, in screen pixels) stays there.
function zoomBy(factor, fromX = 0, fromY = 0) {
  const zoom = clamp(view.zoom * factor, LEAST, MOST);
  view.x += fromX / view.zoom - fromX / zoom;
  view.y += fromY / view.zoom - fromY / zoom;
  view.zoom = zoom;
  draw();
}

function move(right, down) {
  view.x += right / view.zoom;
  view.y += down / view.zoom;
  draw();
}

function full() {
  view.zoom = 1;
  draw();
}

const deeds = {
  in: () => zoomBy(FACTOR),
  out: () => zoomBy(1 / FACTOR),
  fit,
  full,
  previous: () => open(view.tile - 1),
  next: () => open(view.tile + 1),
  close: () => viewer.close(),
};

const keys = {
  "+": deeds.in,
  "=": deeds.in,
  "-": deeds.out,
  0: fit,
  1: full,
  n: deeds.next,
  p: deeds.previous,
  ArrowLeft: () => move(-STEP, 0),
  ArrowRight: () => move(STEP, 0),
  ArrowUp: () => move(0, -STEP),
  ArrowDown: () => move(0, STEP),
};

// Where an event is, from the middle of its pane, in screen pixels.
function fromMiddle(pane, event) {
  const box = pane.getBoundingClientRect();
  return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
}

function mark(pane, event) {
  const box = pane.getBoundingClientRect();
  for (const other of panes) {
    const cross = other.querySelector(".cross");
    cross.hidden = other === pane || !event;
    if (event) cross.style.transform = `translate(${event.clientX - box.left}px, ${event.clientY - box.top}px)`;
  }
}

function drag(pane, event) {
  mark(pane, event);
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
  pointers.set(event.pointerId, event);
  if (other) {
    const apart = (point) => Math.hypot(point.clientX - other.clientX, point.clientY - other.clientY);
    zoomBy(apart(event) / Math.max(apart(before), 1), ...fromMiddle(pane, event));
  } else {
    move(before.clientX - event.clientX, before.clientY - event.clientY);
  }
}

for (const [number, tile] of tiles.entries()) tile.addEventListener("click", () => open(number));

for (const pane of panes) {
  pane.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    pane.setPointerCapture(event.pointerId);
  });
  pane.addEventListener("pointermove", (event) => drag(pane, event));
  pane.addEventListener("pointerleave", () => mark(pane, null));
  for (const end of ["pointerup", "pointercancel"]) {
    pane.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  const wheel = (event) => {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / (event.deltaMode ? 20 : 400)), ...fromMiddle(pane, event));
  };
  pane.addEventListener("wheel", wheel, { passive: false });
}

viewer.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) deeds[button.dataset.do]();
});

viewer.addEventListener("keydown", (event) => {
  const deed = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!deed || event.target === layers || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  deed();
});

viewer.addEventListener("close", () => pointers.clear());

layers.addEventListener("change", () => {
  show();
  draw();
});

addEventListener("resize", () => viewer.open && draw());
