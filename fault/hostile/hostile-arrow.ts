import {
  Dictionary,
  Field,
  Float32,
  Int32,
  List,
  Table,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { encodeArrow } from "../../shared/dataset/encode.ts";
import { foreignFiles } from "../../test/support/foreign-files.ts";
import { foreignStreams } from "../../test/support/foreign-streams.ts";
import { smallTable } from "../../test/support/sample-table.ts";
import type { Dice } from "./dice.ts";
import { type HostileFile, mutate } from "./mutate.ts";

const lists = new Table({
  x: vectorFromArray([1, 2, 3, 4], new Float32()),
  tags: vectorFromArray([["a"], [], ["b", "c"], null], new List(new Field("item", new Utf8(), true))),
  kind: vectorFromArray(["u", "v", "u", "w"], new Dictionary(new Utf8(), new Int32())),
});

const GOOD: readonly Uint8Array[] = [
  encodeArrow(smallTable(50)),
  tableToIPC(smallTable(5), "file"),
  tableToIPC(smallTable(5), "stream"),
  tableToIPC(lists, "file"),
  tableToIPC(lists, "stream"),
  foreignFiles.compressedArrow.zstd,
  foreignFiles.compressedArrow.lz4,
  foreignStreams.zstd,
  foreignStreams.lz4,
];

/**
 * Extreme 32-bit words, for lengths, counts and offsets of Flatbuffers. Buffers have 64-bit ones, of two
 * words each.
 */
const WORDS = [-1, -4, 0, 4, 8, 0x7fffffff, -0x80000000, 0x10000000, 0x3fffffff] as const;

/**
 * Makes damaged Arrow files. The source is a small file with lists and a dictionary. Every word of its
 * metadata is replaced by every extreme in turn. So lengths become absurd, offsets point backwards (a table
 * contains itself) or outside, and buffers overlap. Other damage is the same as for any format.
 */
export function hostileArrow(index: number, dice: Dice): HostileFile {
  if (index === 0) return { what: "a valid file", bytes: GOOD[3] ?? new Uint8Array() };
  if (index % 2 === 1) return oneWord((index - 1) / 2);
  return mutate(dice.pick(GOOD), dice);
}

function oneWord(step: number): HostileFile {
  const good = GOOD[3] ?? new Uint8Array();
  const bytes = Uint8Array.from(good);
  const words = Math.floor(bytes.length / 4) - 2;
  // The stride has no common factor with the number of words, so it visits every word before it repeats one.
  const word = 2 + ((step * 37) % (words - 2));
  const value = WORDS[Math.floor(step / words) % WORDS.length] ?? 0;
  new DataView(bytes.buffer).setInt32(word * 4, value, true);
  return { what: `word ${word} is ${value}`, bytes };
}
