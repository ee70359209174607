/** An input's bytes, unpacked, as UTF-8 without a byte order mark; and as text. */
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { messageOf, TidemarkError } from "../../shared/errors.ts";

const chunkBytes = 1 << 20;

/**
 * @param file "-" is standard input; a name that ends in .gz is unpacked
 * @param encoding a WHATWG name; null: UTF-8, or UTF-16 by its byte order mark
 * @throws LOAD_INPUT
 */
export async function* bytesOf(file: string, encoding: string | null): AsyncGenerator<Buffer> {
  const name = nameOf(file);
  try {
    const raw = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: chunkBytes });
    yield* asUtf8(/\.gz$/i.test(file) ? raw.pipe(unzip(raw)) : raw, encoding);
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** Errors of the packed stream are passed on to the reader of the unpacked one. */
function unzip(raw: NodeJS.ReadableStream): ReturnType<typeof createGunzip> {
  const unpacked = createGunzip({ chunkSize: 1 << 18 });
  raw.on("error", (error) => unpacked.destroy(error));
  return unpacked;
}

export function nameOf(file: string): string {
  return file === "-" ? "standard input" : file;
}

/** @throws LOAD_INPUT when there is no such file */
export async function mustBeFile(file: string): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    throw new TidemarkError("LOAD_INPUT", `cannot read ${file}: ${messageOf(error)}`, "check the name");
  });
  if (!found.isFile()) throw new TidemarkError("LOAD_INPUT", `${file} is not a file`, "name files, not folders");
}

export function unreadable(name: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  // DuckDB appends the text of our own query
  const why = messageOf(error).split(/\s+(?:Possible (?:fixes|solutions)|LINE \d+:)/)[0]!;
  const todo = "correct the file and load it again";
  return new TidemarkError("LOAD_INPUT", `cannot read ${name}: ${why.slice(0, 300)}`, todo, {}, error);
}

/** True for the name of a supported encoding. */
export function isEncoding(label: string): boolean {
  try {
    return new TextDecoder(label) !== null;
  } catch {
    return false;
  }
}

async function* asUtf8(source: AsyncIterable<unknown>, encoding: string | null): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    first = Buffer.concat([first, next.value as Buffer]);
    if (first.length >= 3) break;
  }
  const label = encoding ?? markedEncoding(first);
  const rest = { [Symbol.asyncIterator]: () => chunks };
  if (new TextDecoder(label).encoding === "utf-8") {
    yield first.subarray(first.subarray(0, 3).equals(utf8Mark) ? 3 : 0);
    for await (const chunk of rest) yield chunk as Buffer;
    return;
  }
  const decoder = new TextDecoder(label, { fatal: true });
  const decoded = (bytes?: Buffer) => {
    try {
      return Buffer.from(bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode());
    } catch {
      throw new Error(`its bytes are not ${label}`);
    }
  };
  yield decoded(first);
  for await (const chunk of rest) yield decoded(chunk as Buffer);
  yield decoded();
}

const utf8Mark = Buffer.from([0xef, 0xbb, 0xbf]);

function markedEncoding(first: Buffer): string {
  if (first[0] === 0xff && first[1] === 0xfe) return "utf-16le";
  return first[0] === 0xfe && first[1] === 0xff ? "utf-16be" : "utf-8";
}

/** The text of UTF-8 bytes. Invalid bytes become lone surrogates, which valid UTF-8 never yields: see isText. */
export async function* textOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let cut: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const all: Buffer = cut.length > 0 ? Buffer.concat([cut, chunk]) : chunk;
    const end = all.length - cutBytes(all);
    cut = all.subarray(end);
    yield decodedText(all.subarray(0, end));
  }
  yield decodedText(cut);
}

/** How many bytes at the end belong to an incomplete character. */
function cutBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

function decodedText(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    // line by line, since nearly all are valid
    const found = bytes.indexOf(10, at);
    const line = bytes.subarray(at, found < 0 ? bytes.length : found + 1);
    text += isUtf8(line) ? line.toString() : marked(line);
    at += line.length;
  }
  return text;
}

function marked(line: Buffer): string {
  return line.toString("latin1").replaceAll(/[\x80-\xff]/g, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)));
}

/** False for a text with invalid bytes. */
export function isText(text: string): boolean {
  return !/[\udc80-\udcff]/.test(text) || !/\p{Surrogate}/u.test(text);
}
