// Talking to the server: answers come in parts, and the newest request of a kind wins.

let session = null;
const running = new Map();

/** What went wrong, in both languages; `text` is null where the server does not answer. */
export class Problem extends Error {
  constructor(status, text) {
    super(`${status}`);
    this.status = status;
    this.text = text;
  }
}

export async function start() {
  const kept = sessionStorage.getItem("tatamu-session");
  const response = await send("/api/start", { method: "POST" }, kept);
  const begun = await response.json();
  session = begun.session;
  sessionStorage.setItem("tatamu-session", session);
  return begun;
}

/** Give up what runs of a kind. */
export function cancel(kind) {
  running.get(kind)?.abort();
  running.delete(kind);
}

/** Send, and give up what runs of the same kind; null where a newer request came meanwhile. */
async function newest(kind, path, options, read) {
  cancel(kind);
  const control = new AbortController();
  running.set(kind, control);
  try {
    return await read(await send(path, { ...options, signal: control.signal }, session));
  } catch (error) {
    if (control.signal.aborted) return null;
    throw error;
  } finally {
    if (running.get(kind) === control) running.delete(kind);
  }
}

async function send(path, options, name) {
  const headers = { ...(options.headers ?? {}) };
  if (name) headers["x-tatamu-session"] = name;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, null);
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Problem(response.status, told.text ?? null);
}

/** An answer's parts, each given to `take(kind, bytes)` as it arrives. */
async function parts(response, take) {
  const reader = response.body.getReader();
  let held = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return true;
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    while (held.length >= 5) {
      const length = new DataView(held.buffer, held.byteOffset).getUint32(1);
      if (held.length < 5 + length) break;
      const kind = String.fromCharCode(held[0]);
      const content = held.slice(5, 5 + length);
      held = held.slice(5 + length);
      if (kind === "E") {
        const told = json(content);
        throw new Problem(told.status, told.text);
      }
      take(kind, content);
    }
  }
}

export function json(content) {
  return JSON.parse(new TextDecoder().decode(content));
}

export function look(asked, take) {
  const options = { method: "POST", body: JSON.stringify(asked) };
  return newest("look", "/api/look", options, (response) => parts(response, take));
}

export function upload(file, take) {
  const options = { method: "POST", body: file, headers: { "content-type": "application/octet-stream" } };
  return newest("upload", "/api/photo", options, (response) => parts(response, take));
}

export function report(asked, take) {
  const options = { method: "POST", body: JSON.stringify(asked) };
  return newest("report", "/api/report", options, (response) => parts(response, take));
}

export function map(frame, channel, take) {
  return newest("map", `/api/frame/${frame}/map?channel=${channel}`, {}, (r) => parts(r, take));
}

export function pixel(frame, channel, row, column) {
  const path = `/api/frame/${frame}/pixel?channel=${channel}&row=${row}&column=${column}`;
  return newest("pixel", path, {}, (response) => response.json());
}

export function photo(name) {
  return newest("photo", `/api/photo/${name}`, {}, (response) => response.blob());
}

export function mapFile(frame, channel) {
  return newest("png", `/api/frame/${frame}/map.png?channel=${channel}`, {}, (r) => r.blob());
}
