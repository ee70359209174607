/**
 * Kafka's compression codecs, both ways; kafkajs brings gzip only. The others are native or WebAssembly code
 * that comes with its package. Frames are those that Kafka's own Java client writes: lz4 as LZ4 frames of
 * independent blocks, zstd as zstd frames, snappy in xerial's framing (librdkafka writes it bare: both are
 * read).
 */
import { promisify } from "node:util";
import { gunzip as gunzipCallback } from "node:zlib";
import * as zstd from "@bokuweb/zstd-wasm";
import kafkajs from "kafkajs";
import { compressFrame, decompressFrame } from "lz4-napi";
import snappy from "snappy";
import { messageOf } from "../errors.ts";
import { type Compression, codecNames, type Decompress, UnknownFormat, WireError } from "./kafka-wire.ts";

const gunzip = promisify(gunzipCallback);

/** A batch comes to 1 MiB by a broker's default; nothing that a producer sends unpacks to more. */
const unpackedMax = 1 << 30;

interface Codec {
  readonly pack: (bytes: Buffer) => Promise<Buffer>;
  readonly unpack: (bytes: Buffer) => Promise<Buffer>;
}

const codecs: Readonly<Partial<Record<Compression, Codec>>> = {
  snappy: { pack: packSnappy, unpack: unpackSnappy },
  lz4: { pack: (bytes) => compressFrame(bytes), unpack: (bytes) => decompressFrame(bytes) },
  zstd: { pack: packZstd, unpack: unpackZstd },
};

/** @throws WireError, UnknownFormat */
export const decompress: Decompress = async (number, bytes) => {
  const name = codecNames[number];
  const unpack = name === "gzip" ? gunzip : name && codecs[name]?.unpack;
  if (!unpack) throw new UnknownFormat(`its records are compressed with codec ${number}, which is not known here`);
  try {
    return await unpack(bytes);
  } catch (error) {
    throw new WireError(`what ${name} should unpack is damaged: ${messageOf(error)}`);
  }
};

/** What kafkajs writes with. Registered once: its table of codecs is the process's. */
export function compressionOf(name: Compression): kafkajs.CompressionTypes {
  const codec = codecs[name];
  const number = codecNames.indexOf(name);
  const registered: Record<number, unknown> = kafkajs.CompressionCodecs;
  if (codec)
    registered[number] = () => ({
      compress: ({ buffer }: { buffer: Buffer }) => codec.pack(buffer),
      decompress: (bytes: Buffer) => codec.unpack(bytes),
    });
  return number as kafkajs.CompressionTypes;
}

const xerial = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
/** Its version and the least one that reads it. */
const xerialHead = Buffer.concat([xerial, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);
const xerialBlockBytes = 32 << 10;

async function packSnappy(bytes: Buffer): Promise<Buffer> {
  const pieces: Buffer[] = [xerialHead];
  for (let at = 0; at < bytes.length; at += xerialBlockBytes) {
    const block = await snappy.compress(bytes.subarray(at, at + xerialBlockBytes));
    const size = Buffer.alloc(4);
    size.writeInt32BE(block.length);
    pieces.push(size, block);
  }
  return Buffer.concat(pieces);
}

async function unpackSnappy(bytes: Buffer): Promise<Buffer> {
  if (!bytes.subarray(0, xerial.length).equals(xerial)) return (await snappy.uncompress(bytes)) as Buffer;
  const pieces: Buffer[] = [];
  for (let at = xerialHead.length; at < bytes.length; ) {
    const size = bytes.readInt32BE(at);
    at += 4;
    if (size < 0 || at + size > bytes.length) throw new RangeError(`a block of ${size} bytes is cut off`);
    pieces.push((await snappy.uncompress(bytes.subarray(at, at + size))) as Buffer);
    at += size;
  }
  return Buffer.concat(pieces);
}

let started: Promise<void> | null = null;

async function packZstd(bytes: Buffer): Promise<Buffer> {
  await startZstd();
  return Buffer.from(zstd.compress(bytes, 3));
}

/** A stream's frame does not say how large it gets: more room is given until it fits. */
async function unpackZstd(bytes: Buffer): Promise<Buffer> {
  await startZstd();
  for (let room = Math.max(1 << 20, 8 * bytes.length); ; room *= 4) {
    try {
      return Buffer.from(zstd.decompress(bytes, { defaultHeapSize: Math.min(room, unpackedMax) }));
    } catch (error) {
      // zstd's error 70: the destination is too small
      if (room >= unpackedMax || !/-70\b|code: ?70\b|too small/i.test(messageOf(error))) throw error;
    }
  }
}

function startZstd(): Promise<void> {
  started ??= zstd.init();
  return started;
}
