// The window slides over the photo and the map fills: slowly at first, so that one can follow.

const SECONDS = 12;

export class Player {
  /** `changed()` hears of every start and end; `pixel(row, column)` of each pixel shown. */
  constructor(stage, changed, pixel) {
    this.stage = stage;
    this.changed = changed;
    this.pixel = pixel;
    this.playing = false;
    this.spent = 0;
    this.last = 0;
  }

  toggle() {
    if (this.playing) this.pause();
    else this.start();
  }

  start() {
    if (!this.stage.record) return;
    this.playing = true;
    this.last = performance.now();
    this.changed();
    requestAnimationFrame((now) => this.step(now));
  }

  pause() {
    this.playing = false;
    this.changed();
  }

  /** End, and show the whole map. */
  stop() {
    const was = this.playing || this.spent;
    this.playing = false;
    this.spent = 0;
    if (was && this.stage.map) this.stage.fill();
    this.changed();
  }

  step(now) {
    if (!this.playing) return;
    this.spent += Math.min(now - this.last, 100) / 1000;
    this.last = now;
    const [rows, columns] = this.stage.record.output.slice(1);
    const count = rows * columns;
    // Twelve pixels in the first second and a half, then ever faster.
    const share = Math.min(1, this.spent / SECONDS);
    const shown = Math.min(count, Math.floor(share < 0.125 ? share * 96 : 12 * Math.max(1, count / 12) ** ((share - 0.125) / 0.875)));
    if (shown >= count) {
      this.stop();
      return;
    }
    this.stage.fill(shown + 1);
    const [row, column] = [Math.floor(shown / columns), shown % columns];
    this.stage.choose(row, column, true);
    this.pixel(row, column);
    requestAnimationFrame((later) => this.step(later));
  }
}
