// The texts, which the server sends in both languages; switching loses nothing.

let texts = { en: {}, ja: {} };
let lang = document.documentElement.lang === "ja" ? "ja" : "en";
const listeners = [];

export function setTexts(given) {
  texts = given;
  const kept = remembered();
  if (kept && kept !== lang) setLanguage(kept);
}

export function language() {
  return lang;
}

/** The text of a key, its {places} filled in. */
export function t(key, values = {}) {
  return (texts[lang][key] ?? "").replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** A text that came in both languages. */
export function said(pair) {
  return pair ? pair[lang] : "";
}

export function onLanguage(listener) {
  listeners.push(listener);
}

export function setLanguage(wanted) {
  lang = wanted;
  document.documentElement.lang = lang;
  try {
    localStorage.setItem("tatamu-lang", lang);
  } catch {
    // A browser that keeps nothing forgets the choice with the page.
  }
  fill();
  listeners.forEach((listener) => listener());
}

function fill() {
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", t(element.dataset.label));
  }
}

function remembered() {
  try {
    const kept = localStorage.getItem("tatamu-lang");
    return kept === "ja" || kept === "en" ? kept : null;
  } catch {
    return null;
  }
}
