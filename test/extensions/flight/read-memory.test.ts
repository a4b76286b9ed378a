import { expect, test } from "vitest";
import { ReadMemory } from "../../../extensions/flight/read-memory.ts";

const MIB = 1 << 20;

const bufferOf = (bytes: Uint8Array) => bytes.buffer as ArrayBuffer;

test("a freed buffer is used for the next read that fits", () => {
  using memory = new ReadMemory();
  const first = bufferOf(memory.allocate(MIB));
  const second = bufferOf(memory.allocate(MIB));
  expect(second).not.toBe(first);
  memory.free([first, first]);
  const again = memory.allocate(MIB - 100);
  expect([again.buffer, again.length]).toEqual([first, MIB - 100]);
  expect(bufferOf(memory.allocate(MIB))).not.toBe(first);
});

test("a stream of equal reads takes two buffers, one to send and one to read into", () => {
  using memory = new ReadMemory();
  const used = new Set<ArrayBuffer>();
  let sending = bufferOf(memory.allocate(MIB));
  for (let read = 0; read < 100; read += 1) {
    const next = bufferOf(memory.allocate(MIB));
    used.add(sending);
    memory.free([sending]);
    sending = next;
  }
  expect(used.size).toBe(2);
});

test("small reads, which readers keep, have memory of their own", () => {
  using memory = new ReadMemory();
  const small = memory.allocate(1_000);
  expect(small.buffer.byteLength).toBe(1_000);
  memory.free([bufferOf(small)]);
  expect(bufferOf(memory.allocate(1_000))).not.toBe(small.buffer);
});

test("of more free buffers than a stream needs, the largest are kept, and others are emptied", () => {
  const memory = new ReadMemory();
  const buffers = [1, 4, 2, 3].map((size) => bufferOf(memory.allocate(size * MIB)));
  memory.free([...buffers, new ArrayBuffer(MIB)]);
  expect(buffers.map(({ byteLength }) => byteLength / MIB)).toEqual([0, 4, 0, 3]);
  const used = bufferOf(memory.allocate(4 * MIB));
  memory[Symbol.dispose]();
  // Memory in use is never freed: a connection may still be sending it.
  expect([used.byteLength / MIB, buffers[3]?.byteLength]).toEqual([4, 0]);
});
