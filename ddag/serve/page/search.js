"use strict";

// What was searched for, one after another; the browser's own "back" walks through it.
const trail = [];
let at = -1;
let running = null;  // aborts the search that is under way
let token = sessionStorage.getItem("token");

const $ = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", wrong);
}

async function ask(place, options = {}) {
  const headers = {...options.headers};
  if (token) headers["Authorization"] = `Bearer ${token}`;
  const answer = await fetch(place, {...options, headers, credentials: "omit"});
  if (answer.ok) return answer;
  if (answer.status === 401) demandToken();
  let line = `The server answered ${answer.status}.`;
  try {
    line = (await answer.json()).error || line;
  } catch { /* not one of our answers */ }
  throw new Error(line);
}

function demandToken() {
  $("wrong").hidden = !token;
  if (!$("gate").open) $("gate").showModal();
}

$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.replace(/[^\x21-\x7e]/g, "");
  sessionStorage.setItem("token", token);
  $("gate").close();
  begin();
});

// The gallery.

function describe(about) {
  const words = [`${number(about.images)} ${about.modality} ${about.images === 1 ? "image" : "images"}`];
  const count = about.cameras.length;
  if (count) words.push(`${number(count)} ${count === 1 ? "camera" : "cameras"}`);
  if (about.first) words.push([...new Set([about.first.slice(0, 10), about.last.slice(0, 10)])].join(" to "));
  $("about").textContent = words.join(" · ");
}

function shown(time) {
  return time.replace("T", " ").replace(/:00$/, "");
}

function offerFilters(about) {
  const chips = about.cameras.slice(0, 100).flatMap((camera, place) => {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.id = `camera-${place}`;
    box.value = camera;
    const label = document.createElement("label");
    label.htmlFor = box.id;
    label.textContent = camera;
    return [box, label];
  });
  $("camera-chips").replaceChildren(...chips);
  $("cameras").hidden = about.cameras.length < 2;
  $("times").hidden = !about.first || about.first === about.last;
  $("filters").hidden = $("cameras").hidden && $("times").hidden;
  $("filters").open = matchMedia("(min-width: 761px)").matches;
  for (const id of ["since", "until"]) {
    $(id).min = about.first || "";
    $(id).max = about.last || "";
  }
}

function filters() {
  const words = new URLSearchParams({count: $("count").value});
  for (const box of document.querySelectorAll("#camera-chips input:checked")) words.append("camera", box.value);
  for (const id of ["since", "until"]) if ($(id).value) words.append(id, $(id).value);
  return words;
}

const filtered = () => [...filters().keys()].length > 1;

// Searching.

function request(query, form) {
  const words = filters();
  words.append("format", form);
  if (query.row !== undefined) return [`/api/search/${query.row}?${words}`, {}];
  words.append("modality", chosenModality());
  const headers = {"Content-Type": "application/octet-stream"};
  return [`/api/search?${words}`, {method: "POST", body: query.file, headers}];
}

function chosenModality() {
  return document.querySelector("input[name=modality]:checked").value;
}

async function search() {
  const query = trail[at];
  if (!query) return;
  if (running) running.abort();
  const mine = running = new AbortController();
  showQuery(query);
  say("Searching …");
  $("results").classList.add("waiting");
  try {
    const [place, options] = request(query, "json");
    const answer = await ask(place, {...options, signal: mine.signal});
    showRanking(await answer.json());
  } catch (error) {
    if (mine.signal.aborted) return;
    $("results").replaceChildren();
    $("legend").hidden = $("export").hidden = true;
    say(error instanceof TypeError ? "The server does not answer; is it still running?" : error.message, true);
  }
  $("results").classList.remove("waiting");
}

function beginWith(query) {
  trail.splice(at + 1);
  trail.push(query);
  at = trail.length - 1;
  const place = query.row === undefined ? "/" : `/#image=${query.row}`;
  history[at === 0 ? "replaceState" : "pushState"]({at}, "", place);
  search();
}

window.addEventListener("popstate", (event) => {
  const to = event.state ? event.state.at : -1;
  if (to >= 0 && to < trail.length) {
    at = to;
    search();
  }
});

function take(file) {
  if (!file) return;
  if (file.size > limit) {
    say(`${file.name}: holds more than ${number(Math.floor(limit / (1 << 20)))} MB; choose a smaller image`, true);
    return;
  }
  beginWith({file, name: file.name || "pasted image"});
}

// What is shown.

async function fetchImage(image, row) {
  try {
    const answer = await ask(`/api/images/${row}`);
    show(image, await answer.blob());
  } catch {
    const words = document.createElement("span");
    words.className = "gone";
    words.textContent = "cannot be shown";
    image.replaceWith(words);
  }
}

function show(image, blob) {
  const address = URL.createObjectURL(blob);
  image.onload = image.onerror = () => URL.revokeObjectURL(address);
  image.src = address;
}

function showQuery(query) {
  const old = $("query");
  const image = old.cloneNode();
  image.removeAttribute("src");
  old.replaceWith(image);
  image.hidden = false;
  $("invitation").hidden = true;
  if (query.row === undefined) {
    show(image, query.file);
    image.addEventListener("error", () => { image.hidden = true; });  // TIFF and PPM: not for browsers
  } else {
    fetchImage(image, query.row);
  }
  $("called").textContent = query.name;
  $("called").hidden = false;
  $("back").hidden = at === 0;
  $("modalities").classList.toggle("fixed", query.row !== undefined);
  $("modalities").disabled = query.row !== undefined;
}

const waiting = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    waiting.unobserve(entry.target);
    fetchImage(entry.target, Number(entry.target.dataset.row));
  }
}, {rootMargin: "400px"});

function card(result) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "card";
  button.title = "Search on with this image";
  button.setAttribute("aria-label", `Rank ${result.rank}, distance ${result.distance.toFixed(3)}: ${result.name}`);
  button.addEventListener("click", () => {
    beginWith({row: result.row, name: result.name});
    window.scrollTo({top: 0});
  });
  const frame = part("span", "frame");
  const image = part("img", "");
  image.alt = "";
  image.dataset.row = result.row;
  waiting.observe(image);
  frame.append(image);
  const said = part("span", "said");
  said.append(part("b", "", result.rank), part("span", "", result.distance.toFixed(3)));
  const near = part("span", "near");
  const filled = part("i", "");
  filled.style.width = `${Math.max(0, 1 - result.distance) * 100}%`;
  near.append(filled);
  button.append(frame, said, near);
  item.append(button, part("p", "name", result.name));
  if (result.camera !== null) item.append(part("p", "", `camera ${result.camera}`));
  if (result.time) item.append(when(result.time));
  return item;
}

function when(time) {
  const line = part("p", "");
  const [day, hour] = shown(time).split(" ");
  line.append(part("span", "whole", day), " ", part("span", "whole", hour));
  return line;
}

function part(kind, name, text = "") {
  const made = document.createElement(kind);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

function showRanking(ranking) {
  waiting.disconnect();
  $("results").replaceChildren(...ranking.results.map(card));
  const found = ranking.results.length;
  $("legend").hidden = $("export").hidden = found === 0;
  const images = filtered() ? "images of these cameras and times" : "images";
  const among = `${number(ranking.searched)} ${images}${ranking.exact ? "" : ", approximately"}`;
  say(found ? `The ${number(found)} nearest of ${among}` : "No image is of these cameras and times.", !found);
}

async function download() {
  try {
    const [place, options] = request(trail[at], "csv");
    const address = URL.createObjectURL(await (await ask(place, options)).blob());
    const link = document.createElement("a");
    link.href = address;
    link.download = "ranking.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  } catch (error) {
    say(error.message, true);
  }
}

// What is done.

$("file").addEventListener("change", () => {
  take($("file").files[0]);
  $("file").value = "";  // the same again is a change, too
});
for (const kind of ["dragover", "drop", "dragleave"]) {
  window.addEventListener(kind, (event) => {
    event.preventDefault();  // a browser would open the image in place of this page
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files[0]);
  });
}
window.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
$("ask").addEventListener("submit", (event) => event.preventDefault());
$("ask").addEventListener("change", (event) => {
  if (event.target === $("file")) return;
  $("clear").hidden = !filtered();
  search();
});
$("clear").addEventListener("click", () => {
  for (const box of document.querySelectorAll("#camera-chips input:checked")) box.checked = false;
  $("since").value = $("until").value = "";
  $("clear").hidden = true;
  search();
});
$("export").addEventListener("click", download);
$("back").addEventListener("click", () => history.back());

let limit = Infinity;  // bytes of an image

async function begin() {
  try {
    const about = await (await ask("/api/gallery")).json();
    limit = about.upload;
    describe(about);
    offerFilters(about);
    $(about.modality === "visible" ? "infrared" : "visible").checked = true;
    const named = /^#image=(\d+)$/.exec(location.hash);
    if (at < 0 && named && Number(named[1]) < about.images) {
      beginWith({row: Number(named[1]), name: `image ${named[1]} of the gallery`});
    }
  } catch (error) {
    say(error.message, true);
  }
}

const given = /^#token=(.+)$/.exec(location.hash);
if (given) {
  token = given[1].replace(/[^\x21-\x7e]/g, "");
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", "/");  // out of sight, and out of the browser's history
}
begin();
