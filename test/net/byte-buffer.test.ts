import { expect, test } from "vitest";
import { ByteBuffer } from "../../src/net/byte-buffer.ts";

test("keeps every byte, in order, however they come", () => {
  const all = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  for (const size of [1, 7, 16_384, 40_000, 100_000]) {
    const buffer = new ByteBuffer(100_000);
    for (let at = 0; at < all.length; at += size) {
      expect(buffer.append(all.subarray(at, at + size))).toBe(true);
    }
    expect(buffer.bytes.equals(all)).toBe(true);
  }
});

test("holds on to no piece, nor to more memory than the limit", () => {
  const received = Buffer.alloc(65_536, 1);
  const buffer = new ByteBuffer(20_000);
  for (let piece = 0; piece < 20_000; piece++) buffer.append(received.subarray(piece, piece + 1));
  expect(buffer.bytes.length).toBe(20_000);
  expect(buffer.bytes.buffer).not.toBe(received.buffer);
  expect(buffer.bytes.buffer.byteLength).toBeLessThanOrEqual(20_000);
  received.fill(2);
  expect(buffer.bytes.every((byte) => byte === 1)).toBe(true);
});

test("refuses what passes the limit, and is as it was", () => {
  const buffer = new ByteBuffer(5);
  expect(buffer.append(Buffer.from("hell"))).toBe(true);
  expect(buffer.append(Buffer.from("o!"))).toBe(false);
  expect(buffer.append(Buffer.from("o"))).toBe(true);
  expect(buffer.append(Buffer.from("!"))).toBe(false);
  expect(buffer.bytes.toString()).toBe("hello");
  expect(new ByteBuffer(5).bytes.length).toBe(0);
});
