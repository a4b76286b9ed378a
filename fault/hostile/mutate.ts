import type { Dice } from "./dice.ts";

/** A file that differs from its declared format, or a good one. */
export interface HostileFile {
  /** Description of the damage, for people. */
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** Integers at which parsers fail: the limits of every width, and lengths that overflow when multiplied. */
const EXTREMES = [-1, -2, 0x7fffffff, -0x80000000, 0x40000000, 0x20000000, 0x10000000, 0xffff, 0x7fff, 1, 0];

/** Damages a good file, as disks, networks and attackers do. */
export function mutate(good: Uint8Array, dice: Dice): HostileFile {
  return dice.pick(MUTATIONS)(Uint8Array.from(good), dice);
}

const MUTATIONS: readonly ((bytes: Uint8Array, dice: Dice) => HostileFile)[] = [
  flipBits,
  flipBits,
  flipAtEnd,
  flipAtEnd,
  truncate,
  fill,
  swap,
  remove,
  repeat,
  overwriteIntegers,
  overwriteIntegers,
  appendGarbage,
];

function flipBits(bytes: Uint8Array, dice: Dice): HostileFile {
  const count = 1 + dice.int(8);
  for (let flip = 0; flip < count; flip += 1) flipOne(bytes, dice.int(bytes.length), dice);
  return { what: `${count} bits flipped`, bytes };
}

/** Flips bits near the end, where most formats have their metadata. */
function flipAtEnd(bytes: Uint8Array, dice: Dice): HostileFile {
  const tail = Math.min(bytes.length, 1_024);
  const count = 1 + dice.int(6);
  for (let flip = 0; flip < count; flip += 1) flipOne(bytes, bytes.length - 1 - dice.int(tail), dice);
  return { what: `${count} bits flipped near the end`, bytes };
}

function flipOne(bytes: Uint8Array, at: number, dice: Dice): void {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.int(8));
}

function truncate(bytes: Uint8Array, dice: Dice): HostileFile {
  const kept = dice.int(bytes.length);
  return { what: `cut to ${kept} bytes`, bytes: bytes.subarray(0, kept) };
}

function fill(bytes: Uint8Array, dice: Dice): HostileFile {
  const [start, end] = range(bytes, dice);
  const value = dice.pick([0x00, 0xff, 0x80, 0x7f]);
  bytes.fill(value, start, end);
  return { what: `[${start}, ${end}) filled with ${value}`, bytes };
}

function swap(bytes: Uint8Array, dice: Dice): HostileFile {
  const [start, end] = range(bytes, dice);
  const to = dice.int(Math.max(1, bytes.length - (end - start)));
  const moved = bytes.slice(start, end);
  bytes.set(bytes.slice(to, to + moved.length), start);
  bytes.set(moved.subarray(0, bytes.length - to), to);
  return { what: `[${start}, ${end}) swapped with what is at ${to}`, bytes };
}

function remove(bytes: Uint8Array, dice: Dice): HostileFile {
  const [start, end] = range(bytes, dice);
  return {
    what: `[${start}, ${end}) removed`,
    bytes: Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]),
  };
}

function repeat(bytes: Uint8Array, dice: Dice): HostileFile {
  const [start, end] = range(bytes, dice);
  const parts = [bytes.subarray(0, end), bytes.subarray(start)];
  return { what: `[${start}, ${end}) twice`, bytes: Buffer.concat(parts) };
}

function overwriteIntegers(bytes: Uint8Array, dice: Dice): HostileFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = 1 + dice.int(3);
  const places: string[] = [];
  for (let write = 0; write < count; write += 1) {
    const words = Math.floor(bytes.length / 4);
    if (words === 0) break;
    const at = 4 * dice.int(words);
    const value = dice.pick(EXTREMES);
    view.setInt32(at, value, true);
    places.push(`${value} at ${at}`);
  }
  return { what: places.join(", "), bytes };
}

function appendGarbage(bytes: Uint8Array, dice: Dice): HostileFile {
  const more = Uint8Array.from({ length: 1 + dice.int(200) }, () => dice.int(256));
  return { what: `${more.length} bytes appended`, bytes: Buffer.concat([bytes, more]) };
}

function range(bytes: Uint8Array, dice: Dice): [start: number, end: number] {
  const start = dice.int(bytes.length);
  return [start, Math.min(bytes.length, start + 1 + dice.int(64))];
}
