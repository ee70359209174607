/** Codecs without a broker: every size both ways, frames of other writers, damage, and unknown codecs. */
import { gzipSync } from "node:zlib";
import kafkajs from "kafkajs";
import { compressSync } from "snappy";
import { describe, expect, it } from "vitest";
import { compressionOf, decompress } from "../../shared/log/kafka-codecs.ts";
import { codecNames, decodeRecords, UnknownFormat, WireError } from "../../shared/log/kafka-wire.ts";

const sizes = [0, 1, 100, 32 << 10, (32 << 10) + 1, 1 << 20, 3_000_000];
const bytesOf = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7919) % 251));

/** Of `zstd -19 --no-content-size`, over 5,000,000 zeros. */
const unsized =
  "KLUv/QRoTAAACAABAPz/ORACAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAA" +
  "AgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAANaAgC2wdU/";

describe("codecs", () => {
  for (const name of ["snappy", "lz4", "zstd"] as const) {
    it(`${name}: what is packed is unpacked, of any size`, async () => {
      const number = compressionOf(name);
      const table = kafkajs.CompressionCodecs as unknown as Record<
        number,
        () => { compress(from: object): Promise<Buffer> }
      >;
      for (const size of sizes) {
        const packed = await table[number]!().compress({ buffer: bytesOf(size) });
        expect([size, (await decompress(number, packed)).equals(bytesOf(size))]).toEqual([size, true]);
        if (size > 1000) expect(packed.length).toBeLessThan(size);
      }
    });

    it(`${name}: damage is said, and says what`, async () => {
      for (const bytes of [
        Buffer.from("not packed at all"),
        Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 9, 9]),
      ]) {
        const error = await decompress(codecNames.indexOf(name), bytes).catch((each: unknown) => each);
        expect(error).toBeInstanceOf(WireError);
        expect(error).not.toBeInstanceOf(UnknownFormat);
        expect((error as Error).message).toContain(name);
      }
    });
  }

  it("reads what others frame otherwise: bare snappy, gzip, zstd that does not say its size", async () => {
    const bytes = bytesOf(5_000_000);
    expect((await decompress(2, compressSync(bytes))).equals(bytes)).toBe(true);
    expect((await decompress(1, gzipSync(bytes))).equals(bytes)).toBe(true);
    expect((await decompress(4, Buffer.from(unsized, "base64"))).equals(Buffer.alloc(5_000_000))).toBe(true);
  });

  it("names a codec and a format of batches that it does not know", async () => {
    for (const codec of [5, 6, 7])
      await expect(decompress(codec, Buffer.from("x"))).rejects.toThrow(
        `compressed with codec ${codec}, which is not known here`,
      );
    for (const magic of [0, 1, 3, 127]) {
      const records = Buffer.alloc(80);
      records.writeInt32BE(60, 8);
      records[16] = magic;
      const read = decodeRecords({ partition: 0, error: 0, aborted: [], records }, 0, decompress);
      await expect(read).rejects.toThrow(`format ${magic}, and only 2 is known here`);
      await expect(read).rejects.toBeInstanceOf(UnknownFormat);
    }
  });
});
