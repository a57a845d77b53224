// Photo and map: the window on the one, the pixel on the other, and moving both.

import { mark, overlay, paint } from "./paint.js";

const at = (id) => document.getElementById(id);
const HANDLE = 44;

export class Stage {
  /** `moved(row, column)` hears of a pixel that the reader chose. */
  constructor(moved) {
    this.moved = moved;
    this.record = null;
    this.map = null;
    this.place = [0, 0];
    this.filled = null;
    this.listen();
    new ResizeObserver(() => this.draw()).observe(at("photo-stage"));
    new ResizeObserver(() => this.draw()).observe(at("map-stage"));
    at("photo").addEventListener("load", () => this.draw());
  }

  listen() {
    const handle = at("window");
    let offset = null;
    handle.addEventListener("pointerdown", (event) => {
      if (!this.record) return;
      const box = this.photoBox();
      const middle = [box.x + box.width / 2, box.y + box.height / 2];
      const [x, y] = this.within("photo-stage", event);
      offset = [x - middle[0], y - middle[1]];
      handle.setPointerCapture(event.pointerId);
      handle.focus();
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!offset) return;
      const [x, y] = this.within("photo-stage", event);
      this.toPhoto(x - offset[0], y - offset[1]);
    });
    const release = () => { offset = null; };
    handle.addEventListener("pointerup", release);
    handle.addEventListener("pointercancel", release);
    handle.addEventListener("keydown", (event) => this.key(event));
    at("photo").addEventListener("click", (event) => {
      if (this.record) this.toPhoto(...this.within("photo-stage", event));
    });
    const pick = (event) => {
      if (!this.record || (event.type === "pointermove" && !event.buttons)) return;
      const frame = at("map").getBoundingClientRect();
      const [rows, columns] = this.record.output.slice(1);
      this.choose(
        Math.floor(((event.clientY - frame.top) / frame.height) * rows),
        Math.floor(((event.clientX - frame.left) / frame.width) * columns),
      );
    };
    at("map").addEventListener("pointerdown", pick);
    at("map").addEventListener("pointermove", pick);
  }

  key(event) {
    const step = event.shiftKey ? 10 : 1;
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!way || !this.record) return;
    event.preventDefault();
    this.choose(this.place[0] + way[0] * step, this.place[1] + way[1] * step);
  }

  within(id, event) {
    const frame = at(id).getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  /** The output pixel whose window's middle lies nearest a point of the stage. */
  toPhoto(x, y) {
    const frame = this.picture("photo");
    const points = [((y - frame.y) / frame.height) * this.record.axes[0].size, ((x - frame.x) / frame.width) * this.record.axes[1].size];
    const place = points.map((point, i) => {
      const axis = this.record.axes[i];
      return Math.round((point - axis.extent / 2 - axis.start) / axis.step);
    });
    this.choose(...place);
  }

  choose(row, column, quiet = false) {
    const [rows, columns] = this.record.output.slice(1);
    this.place = [Math.min(rows - 1, Math.max(0, row)), Math.min(columns - 1, Math.max(0, column))];
    this.draw();
    if (!quiet) this.moved(...this.place);
  }

  /** Where a picture lies within its stage. */
  picture(id) {
    const inner = at(id).getBoundingClientRect();
    const outer = at(`${id}-stage`).getBoundingClientRect();
    return { x: inner.left - outer.left, y: inner.top - outer.top, width: inner.width, height: inner.height };
  }

  photoBox() {
    const frame = this.picture("photo");
    const [down, across] = this.record.axes;
    const [row, column] = this.place;
    const [tall, wide] = [frame.height / down.size, frame.width / across.size];
    return {
      x: frame.x + (across.start + column * across.step) * wide,
      y: frame.y + (down.start + row * down.step) * tall,
      width: across.extent * wide,
      height: down.extent * tall,
    };
  }

  show(record, map) {
    this.record = record;
    this.map = map;
    this.filled = null;
    const [rows, columns] = record.output.slice(1);
    const place = this.place.map((at_, i) => Math.min(at_, [rows, columns][i] - 1));
    this.place = place;
    this.fill();
    this.draw();
  }

  /** The map, up to `count` values of it where it is being filled. */
  fill(count = null) {
    this.filled = count;
    const { indices, width, height } = this.map;
    const shown = count === null ? indices.length : Math.round((count / (this.record.output[1] * this.record.output[2])) * indices.length);
    const canvas = at("map");
    paint(canvas, indices, width, height, shown);
    const ratio = Math.min(at("map-stage").clientWidth / width, (window.innerHeight * 0.56) / height);
    canvas.style.width = `${Math.floor(width * ratio)}px`;
    canvas.style.height = `${Math.floor(height * ratio)}px`;
    canvas.classList.toggle("sharp", ratio > 1.6);
  }

  draw() {
    if (!this.record || !at("photo").complete || !at("photo").naturalWidth) return;
    const box = this.photoBox();
    mark(overlay(at("photo-marks")), box.x, box.y, box.width, box.height);
    const wide = Math.max(HANDLE, box.width + 12);
    const tall = Math.max(HANDLE, box.height + 12);
    const handle = at("window").style;
    handle.left = `${box.x + box.width / 2 - wide / 2}px`;
    handle.top = `${box.y + box.height / 2 - tall / 2}px`;
    handle.width = `${wide}px`;
    handle.height = `${tall}px`;
    const frame = this.picture("map");
    const [rows, columns] = this.record.output.slice(1);
    const [h, v] = [frame.width / columns, frame.height / rows];
    mark(overlay(at("map-marks")), frame.x + this.place[1] * h, frame.y + this.place[0] * v, h, v);
  }
}
