// Maps come as indices of the server's palette; here they become pixels.

let colours = null;
let palette = [];

export function setPalette(given) {
  palette = given;
  const bytes = new Uint8ClampedArray(256 * 4);
  given.forEach(([red, green, blue], i) => bytes.set([red, green, blue, 255], 4 * i));
  colours = new Uint32Array(bytes.buffer);
}

/** Indices as an image, those from `shown` on left empty. */
export function image(indices, width, height, shown = indices.length) {
  const pixels = new Uint32Array(width * height);
  for (let i = 0; i < shown; i += 1) pixels[i] = colours[indices[i]];
  return new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
}

export function paint(canvas, indices, width, height, shown) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  canvas.getContext("2d").putImageData(image(indices, width, height, shown), 0, 0);
}

/** Colour an element as an index, with an ink that can be read on it. */
export function tint(element, index) {
  const [red, green, blue] = palette[index];
  element.style.background = `rgb(${red},${green},${blue})`;
  element.style.color = 299 * red + 587 * green + 114 * blue > 128000 ? "#000" : "#fff";
}

export function ramp(canvas) {
  paint(canvas, Uint8Array.from({ length: 255 }, (_, i) => i), 255, 1);
}

export function histogram(canvas, counts) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).color;
  context.globalAlpha = 0.42;
  const top = Math.max(...counts, 1);
  const step = width / counts.length;
  counts.forEach((count, i) => {
    if (!count) return;
    const tall = Math.max(height * Math.sqrt(count / top), ratio);
    context.fillRect(i * step, height - tall, step - ratio * 0.6, tall);
  });
}

/** A canvas that lies over a stage, in its pixels, wiped. */
export function overlay(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

/** A box in yellow on dark, with a ring about it where it is small. */
export function mark(context, x, y, width, height) {
  const draw = (line, colour) => {
    context.lineWidth = line;
    context.strokeStyle = colour;
    const out = width < 20 ? 1.5 : 0;
    context.strokeRect(x - out, y - out, width + 2 * out, height + 2 * out);
    if (Math.max(width, height) < 26) {
      context.beginPath();
      context.arc(x + width / 2, y + height / 2, 19, 0, 2 * Math.PI);
      context.stroke();
    }
  };
  draw(4.5, "#0e1116");
  draw(2, "#ffd24a");
}
