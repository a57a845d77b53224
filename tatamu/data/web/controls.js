// The sliders, the kinds of layer, the choices, and the formula above them.

import { language, said, t } from "./words.js";

const NAMES = { Conv2d: "web.kind.conv", ConvTranspose2d: "web.kind.transposed", MaxPool2d: "web.kind.max", AvgPool2d: "web.kind.avg" };
const LABELS = { kernel: "web.kernel", stride: "web.stride", padding: "web.padding", dilation: "web.dilation", channels: "web.channels" };
const UNUSED = { channels: "web.unused.channels", dilation: "web.unused.dilation" };
const MODES = { zeros: "web.mode.zeros", reflect: "web.mode.reflect", replicate: "web.mode.replicate", circular: "web.mode.circular" };
const CHOICES = { mode: "web.mode", weights: "web.weights" };
const ROLES = { ...LABELS, size: "web.size", out: "web.out", output_padding: "web.output_padding" };
const WEIGHTS = { named: "web.weights.named", random: "web.weights.random" };

const at = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content);
  return made;
}

export class Controls {
  constructor(begun, settings, changed) {
    this.begun = begun;
    this.settings = settings;
    this.changed = changed;
    this.build();
  }

  build() {
    const { limits, kinds } = this.begun;
    at("kinds").replaceChildren(...Object.keys(kinds).map((kind) => {
      const button = element("button", { type: "button", role: "radio", "data-kind": kind });
      button.addEventListener("click", () => this.choose(kind));
      return button;
    }));
    at("kinds").addEventListener("keydown", (event) => this.arrow(event));
    at("sliders").replaceChildren(...Object.entries(limits).map(([name, [low, high]]) => {
      const range = element("input", { type: "range", id: `set-${name}`, min: low, max: high, step: 1 });
      range.addEventListener("input", () => {
        this.settings = { ...this.settings, [name]: Number(range.value) };
        this.show();
        this.changed(name);
      });
      const label = element("label", { for: `set-${name}` }, element("span"), element("output"));
      return element("div", { class: "slider", "data-name": name }, label, range, element("small"));
    }));
    const choice = (name, texts) => {
      const select = element("select", { id: `set-${name}` });
      for (const value of Object.keys(texts)) select.append(element("option", { value }));
      select.addEventListener("change", () => {
        this.settings = { ...this.settings, [name]: select.value };
        this.show();
        this.changed(name);
      });
      return element("label", { "data-name": name }, element("span"), select, element("small"));
    };
    at("choices").replaceChildren(choice("weights", WEIGHTS), choice("mode", MODES));
    this.show();
  }

  choose(kind) {
    const { weights, channels } = this.settings;
    this.settings = { ...this.begun.starts[kind], weights, channels };
    this.show();
    this.changed("kind");
  }

  arrow(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const kinds = Object.keys(this.begun.kinds);
    const next = (kinds.indexOf(this.settings.kind) + step + kinds.length) % kinds.length;
    this.choose(kinds[next]);
    at("kinds").children[next].focus();
  }

  /** Show where everything stands, in the language of the page. */
  show() {
    const { settings } = this;
    const used = this.begun.kinds[settings.kind];
    for (const button of at("kinds").children) {
      const chosen = button.dataset.kind === settings.kind;
      button.textContent = t(NAMES[button.dataset.kind]);
      button.setAttribute("aria-checked", chosen);
      button.tabIndex = chosen ? 0 : -1;
    }
    for (const row of at("sliders").children) {
      const { name } = row.dataset;
      const usable = used.includes(name);
      row.querySelector("span").textContent = t(LABELS[name]);
      row.querySelector("output").textContent = usable ? settings[name] : "–";
      row.querySelector("input").value = settings[name];
      row.querySelector("input").disabled = !usable;
      row.querySelector("small").textContent = usable ? "" : t(UNUSED[name]);
      row.classList.toggle("unused", !usable);
    }
    const shown = { weights: used.includes("channels"), mode: settings.kind === "Conv2d" && settings.padding > 0 };
    for (const row of at("choices").children) {
      const { name } = row.dataset;
      const texts = name === "mode" ? MODES : WEIGHTS;
      row.hidden = !shown[name];
      row.querySelector("span").textContent = t(CHOICES[name]);
      const select = row.querySelector("select");
      for (const option of select.options) option.textContent = t(texts[option.value]);
      select.value = settings[name];
      const none = name === "weights" && settings.weights === "named" && settings.kernel < 3;
      row.querySelector("small").textContent = none ? t("web.weights.note") : "";
    }
  }
}

/** The size formula of each axis; the terms that a setting has changed stand out. */
export function showFormula(record, before, moved) {
  const rows = [];
  const sizes = element("p", { class: "shape" });
  const [was, is] = [record.input, record.output].map((shape) => shape.join("×"));
  const pieces = t("web.shape", { before: was, after: "\u0000" }).split("\u0000");
  const out = element("span", moved === "channels" ? { class: "changed" } : {}, is);
  sizes.append(pieces[0], out, pieces[1] ?? "");
  rows.push(sizes);
  record.axes.forEach((axis, number) => {
    const old = before?.axes[number]?.terms;
    const code = element("code");
    const alike = old && old.length === axis.terms.length;
    axis.terms.forEach(([text, role], i) => {
      if (!role) {
        code.append(text);
        return;
      }
      const changed = role === moved || (alike && old[i][0] !== text);
      code.append(element("span", { "data-role": role, class: changed ? "changed" : "", title: t(ROLES[role]) }, text));
    });
    const name = element("small", {}, said(axis.name));
    const note = element("small", { class: "remark" }, said(axis.note));
    rows.push(element("div", { class: "axis" }, name, code, note));
  });
  at("formula").replaceChildren(...rows);
}

export function showFacts(record) {
  const rows = [
    ["web.facts.weights", record.weights],
    ["web.facts.mult_adds", record.mult_adds],
    ["web.facts.time", record.time],
    ["web.facts.kernel", said(record.kernel)],
  ];
  at("facts").replaceChildren(...rows.filter(([, text]) => text).map(([key, text]) =>
    element("div", {}, element("dt", {}, t(key)), element("dd", { lang: language() }, text))));
}
