// The page: what was asked for, what came back, and what is shown of it.

import * as api from "./api.js";
import { Controls, element, showFacts, showFormula } from "./controls.js";
import { histogram, paint, ramp, setPalette } from "./paint.js";
import { showPixel } from "./pixel.js";
import { Player } from "./play.js";
import { Stage } from "./stage.js";
import { language, onLanguage, said, setLanguage, setTexts, t } from "./words.js";

const at = (id) => document.getElementById(id);
const WAIT = 250;
const state = { begun: null, photo: null, name: null, record: null, before: null, channel: null, moved: null, strip: null, pixel: null, problem: null };
let controls = null;
let asking = false;
let wantedPixel = null;

const stage = new Stage((row, column) => {
  player.stop();
  askPixel(row, column);
});
const player = new Player(stage, showPlay, askPixel);

async function begin() {
  try {
    state.begun = await api.start();
  } catch (problem) {
    tell(problem);
    return;
  }
  setTexts(state.begun.texts);
  setPalette(state.begun.palette);
  ramp(at("ramp"));
  controls = new Controls(state.begun, state.begun.starts.Conv2d, (moved) => look(moved));
  await usePhoto(state.begun.demo, null);
}

async function usePhoto(photo, name) {
  state.photo = photo;
  state.name = name;
  state.channel = null;
  const [blob] = await Promise.all([api.photo(photo.photo).catch(tell), look("photo")]);
  if (!blob) return;
  URL.revokeObjectURL(at("photo").src);
  at("photo").src = URL.createObjectURL(blob);
  showPhoto();
}

/** Ask for the map of where the sliders stand; an older question is given up. */
async function look(moved) {
  player.stop();
  state.moved = moved;
  const asked = { ...controls.settings, photo: state.photo.photo, channel: state.channel };
  const fresh = moved === "photo";
  const waiting = setTimeout(() => progress(t("web.waiting"), "look"), WAIT);
  let record = null;
  try {
    await api.look(asked, (kind, content) => {
      if (kind === "P" && !asking) progress(said(api.json(content).text), "look", true);
      if (kind === "R") record = api.json(content);
      if (kind === "M") {
        state.before = fresh ? null : state.record;
        state.record = record;
        showRecord(decode(content), fresh);
      }
      if (kind === "T") showStrip(content);
    });
    hush();
  } catch (problem) {
    if (problem.status === 410 && !moved.startsWith("again")) {
      await again();
      return;
    }
    tell(problem);
    at("map").closest("section").classList.add("stale");
  } finally {
    clearTimeout(waiting);
    progress(null, "look");
  }
}

/** The server forgot the page or its photo: begin anew, keeping where the sliders stand. */
async function again() {
  state.begun = await api.start();
  if (state.photo.photo !== "demo") state.photo = state.begun.demo;
  state.name = null;
  showPhoto();
  await look("again");
}

function decode(content) {
  const view = new DataView(content.buffer, content.byteOffset);
  return { channel: view.getUint32(0), width: view.getUint32(4), height: view.getUint32(8), indices: content.subarray(12) };
}

function showRecord(map, fresh) {
  const { record } = state;
  at("map").closest("section").classList.remove("stale");
  state.shown = map.channel;
  if (fresh && record.spot) stage.place = record.spot;
  stage.show(record, map);
  showTexts();
  showFormula(record, state.before, state.moved);
  performance.mark("tatamu-painted");
  askPixel(...stage.place);
}

function showTexts() {
  const { record } = state;
  if (!record) return;
  const channel = record.maps[state.shown];
  const label = channel.name ? `${channel.index} ${channel.name}` : `${channel.index}`;
  at("map-name").textContent = `${t("web.map")} · ${t("web.map.channel", { channel: label })}`;
  at("map-size").textContent = `${record.output[1]}×${record.output[2]}  ${t("web.mean", { value: channel.mean })}  ${t("web.negative", { value: channel.negative })}`;
  at("map").setAttribute("aria-label", t("web.map.alt", { channel: label }));
  at("minus").textContent = channel.minus;
  at("plus").textContent = channel.end;
  histogram(at("histogram"), channel.histogram);
  at("torch").textContent = record.torch;
  showFacts(record);
}

function showPhoto() {
  const { photo } = state;
  const name = state.name ?? t("web.photo.demo");
  at("photo-name").textContent = name;
  at("photo-size").textContent = `${photo.height}×${photo.width}  ${said(photo.kind)}`;
  at("photo-note").textContent = said(photo.note);
  at("photo").alt = t("web.photo.alt", { name, width: photo.width, height: photo.height });
  at("again").hidden = photo.photo === "demo";
}

function showStrip(content) {
  if (content) state.strip = decode(content);
  const { channel: count, width, height, indices } = state.strip;
  const buttons = [];
  for (let i = 0; i < count; i += 1) {
    const canvas = element("canvas");
    paint(canvas, indices.subarray(i * width * height, (i + 1) * width * height), width, height);
    const name = state.record.maps[i].name || `${i}`;
    const button = element("button", { type: "button", role: "option", "aria-selected": i === state.shown, title: `${i} ${state.record.maps[i].name}` }, canvas, element("span", {}, name));
    button.addEventListener("click", () => showChannel(i));
    buttons.push(button);
  }
  at("strip").replaceChildren(...buttons);
}

async function showChannel(channel) {
  state.channel = channel;
  player.stop();
  try {
    await api.map(state.record.frame, channel, (_, content) => {
      state.shown = channel;
      stage.show(state.record, decode(content));
      showTexts();
      [...at("strip").children].forEach((button, i) => button.setAttribute("aria-selected", i === channel));
      askPixel(...stage.place);
    });
  } catch (problem) {
    if (problem.status === 410) look("channel");
    else tell(problem);
  }
}

/** One question at a time; of those that wait, the newest. */
async function askPixel(row, column) {
  wantedPixel = [row, column];
  if (asking) return;
  asking = true;
  try {
    while (wantedPixel) {
      const [r, c] = wantedPixel;
      wantedPixel = null;
      const found = await api.pixel(state.record.frame, state.shown, r, c);
      if (found) {
        state.pixel = found;
        showPixel(found);
      }
    }
  } catch (problem) {
    // A picture that has been replaced meanwhile brings its own question.
    if (problem.status !== 410 && problem.status !== 422) tell(problem);
  } finally {
    asking = false;
  }
}

async function open(files) {
  const file = files[0];
  if (!file) return;
  hush();
  progress(t("web.uploading"), "upload");
  try {
    let photo = null;
    await api.upload(file, (kind, content) => {
      if (kind === "P") progress(said(api.json(content).text), "upload");
      if (kind === "R") photo = api.json(content);
    });
    if (photo) await usePhoto(photo, file.name);
    if (files.length > 1) notice(t("web.drop.one"));
  } catch (problem) {
    tell(problem);
  } finally {
    progress(null, "upload");
  }
}

async function saveReport() {
  progress(t("web.waiting"), "report");
  at("save-report").disabled = true;
  try {
    await api.report({ frame: state.record.frame, lang: language() }, (kind, content) => {
      if (kind === "P") progress(said(api.json(content).text), "report");
      if (kind === "F") save(new Blob([content], { type: "text/html" }), "report.html");
    });
  } catch (problem) {
    if (problem.status !== 409) tell(problem);
  } finally {
    at("save-report").disabled = false;
    progress(null, "report");
  }
}

async function saveMap() {
  try {
    const blob = await api.mapFile(state.record.frame, state.shown);
    if (blob) save(blob, `map-${state.shown}.png`);
  } catch (problem) {
    tell(problem);
  }
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

let busy = null;

function progress(text, kind, later = false) {
  if (text === null) {
    if (busy === kind) {
      busy = null;
      at("progress").hidden = true;
    }
    return;
  }
  if (later && busy !== kind) return;
  busy = kind;
  at("progress-text").textContent = text;
  at("progress").hidden = false;
}

function tell(problem) {
  state.problem = problem;
  notice(problem.text ? said(problem.text) : t("web.gone"), !problem.text);
}

function notice(text, retry = false) {
  at("notice-text").textContent = text;
  at("notice-act").hidden = !retry;
  at("notice").hidden = false;
}

function hush() {
  state.problem = null;
  at("notice").hidden = true;
}

function showPlay() {
  at("play").textContent = t(player.playing ? "web.pause" : "web.play");
}

function showAll() {
  controls?.show();
  if (state.photo) showPhoto();
  if (state.record) {
    showTexts();
    showFormula(state.record, state.record, null);
  }
  if (state.pixel) showPixel(state.pixel);
  if (state.problem) tell(state.problem);
  showPlay();
}

onLanguage(showAll);
at("language").addEventListener("click", () => setLanguage(language() === "ja" ? "en" : "ja"));
at("play").addEventListener("click", () => player.toggle());
at("open").addEventListener("click", () => at("file").click());
at("again").addEventListener("click", () => usePhoto(state.begun.demo, null));
at("file").addEventListener("change", () => {
  open([...at("file").files]);
  at("file").value = "";
});
at("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(at("torch").textContent).catch(() => getSelection().selectAllChildren(at("torch")));
  at("copy").textContent = t("web.copied");
  setTimeout(() => { at("copy").textContent = t("web.copy"); }, 1600);
});
at("save-map").addEventListener("click", saveMap);
at("save-report").addEventListener("click", saveReport);
at("cancel").addEventListener("click", () => {
  api.cancel(busy);
  progress(null, busy);
});
at("notice-close").addEventListener("click", hush);
at("notice-act").addEventListener("click", () => location.reload());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    player.stop();
    if (busy) at("cancel").click();
  }
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").hidden = !event.dataTransfer.types.includes("Files");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("drop").hidden = true;
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").hidden = true;
  open([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) open([...event.clipboardData.files]);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showAll);
begin().then(showPlay);
