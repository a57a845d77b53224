// One output value: pixels times kernel, the products, the sums.

import { element } from "./controls.js";
import { tint } from "./paint.js";
import { said, t } from "./words.js";

const at = (id) => document.getElementById(id);
const MOST_NUMBERS = 5;
const MOST_TERMS = 8;
let channel = 0;
let shown = null;

export function showPixel(found) {
  shown = found;
  const count = found.patch.length;
  channel = Math.min(channel, Math.max(0, count - 1));
  at("pixel-at").textContent = t("web.window.at", { row: found.row, column: found.column, value: found.result });
  at("pixel-at").title = said(found.check);
  const named = count > 1 && count <= 4;
  at("tabs").replaceChildren(...(named ? found.labels : []).map((label, i) => {
    const button = element("button", { type: "button", "aria-pressed": i === channel }, label);
    button.addEventListener("click", () => {
      channel = i;
      showPixel(shown);
      at("tabs").children[i].focus();
    });
    return button;
  }));
  const grids = [];
  if (count && found.patch[0].length && found.patch[0][0].length) {
    grids.push(grid("web.pixel.patch", found.patch[channel], patchColour(found), "patch"));
    if (found.weight) {
      const colours = (table) => (cell, row, column) => tint(cell, table[channel][row][column]);
      grids.push(op("×"), grid("web.pixel.weight", found.weight[channel], colours(found.weight_colours)));
      grids.push(op("="), grid("web.pixel.products", found.products[channel], colours(found.product_colours)));
    }
  }
  at("grids").replaceChildren(...grids);
  at("sum").replaceChildren(...sum(found));
}

function op(text) {
  return element("span", { class: "op", "aria-hidden": "true" }, text);
}

function grid(key, rows, colour, kind = "") {
  const wide = rows[0].length;
  const small = wide > MOST_NUMBERS || rows.length > MOST_NUMBERS;
  const cells = element("div", { class: `cells ${kind} ${small ? "small" : ""}` });
  cells.style.gridTemplateColumns = `repeat(${wide}, minmax(0, 1fr))`;
  rows.forEach((row, i) => row.forEach((value, j) => {
    const cell = element("i", { title: number(value, 4) }, number(value, 2));
    colour(cell, i, j);
    cells.append(cell);
  }));
  return element("figure", {}, element("figcaption", {}, t(key)), cells);
}

function patchColour(found) {
  return (cell, row, column) => {
    const value = found.patch[channel][row][column] ?? 0;
    const grey = Math.round(255 * Math.min(1, Math.max(0, value)));
    cell.style.background = `rgb(${grey},${grey},${grey})`;
    cell.style.color = grey > 128 ? "#000" : "#fff";
    if (found.inside[row] && !found.inside[row][column]) {
      cell.classList.add("pad");
      cell.title = `${t("web.pixel.padding")} ${cell.title}`;
    }
    if (found.winner && found.winner[0] === row && found.winner[1] === column) cell.classList.add("won");
  };
}

function number(value, places) {
  if (value === null) return "−∞";
  const text = value.toFixed(places).replace("-", "−");
  return /[1-9]/.test(text) ? text.replace(/^(−?)0\./, "$1.") : "0";
}

function sum(found) {
  const result = element("b", {}, found.result);
  if (found.kind === "max") return ["max = ", result];
  if (found.kind === "mean") return [`${found.sums[0]} / ${found.divisor} = `, result];
  const terms = found.terms.slice(0, MOST_TERMS).map((text, i) =>
    element("span", {}, element("small", {}, found.labels[i]), text));
  if (found.terms.length > MOST_TERMS) {
    terms.push(element("span", {}, t("web.pixel.more", { count: found.terms.length - MOST_TERMS })));
  }
  if (found.bias !== null) terms.push(element("span", {}, element("small", {}, t("web.pixel.bias")), found.bias));
  const parts = [];
  terms.forEach((term, i) => parts.push(...(i ? [" + ", term] : [term])));
  return [...parts, " = ", result];
}
