import { expect, it } from "vitest";
import type { StepBinding, StepColumns } from "../../../../shared/domain/step-binding.ts";
import { mostPieceBytes, pieceRowsIn, pieceRowsOf } from "../../../../worker/steps/piece-rows.ts";
import { needs } from "../../../support/needs.ts";

const PLAN = { rate: 16_000, channels: 1, mix: true, windows: null, layout: "channelsFirst" } as const;

function stepOf(op: StepBinding["op"]): StepBinding {
  return { op, files: [], where: "map.prepare[0]", reads: [], columns: [] };
}

const TOKENIZE = stepOf({ kind: "extension", step: "tokenize", data: {} });
const SQL = stepOf({ kind: "sql", select: "SELECT * FROM rows", named: [] });

function soundOf(maxSeconds: number): StepBinding {
  const cells = { kind: "bytes" } as const;
  const data = { ...PLAN, normalize: false, maxSeconds, samples: "samples" };
  return stepOf({ kind: "feature", feature: "sound", cells, data });
}

/** Returns columns with float32 lists of a length. */
function making(length: number): StepColumns {
  const type = { kind: "fixedList", length, item: { kind: "numeric", type: "float32" } } as const;
  const columns = [{ name: "pixels", type, nullable: true, from: null }];
  return { where: "map.prepare", reads: [], columns };
}
const NOTHING: StepColumns = { where: "map.prepare", reads: [], columns: [] };

const mostRows = (steps: readonly StepBinding[], columns: StepColumns) => pieceRowsOf(steps, columns).most;

it("SQL gets a whole record batch, and texts are split among the threads", () => {
  const [sql, texts] = [pieceRowsOf([SQL], NOTHING), pieceRowsOf([SQL, TOKENIZE], NOTHING)];
  expect(pieceRowsIn(65_536, sql, 16)).toBe(65_536);
  expect(pieceRowsIn(65_536, texts, 16)).toBe(4096);
  expect(pieceRowsIn(65_536, texts, 1)).toBe(65_536);
  expect(pieceRowsIn(1000, texts, 16), "at least 512 rows for each thread").toBe(512);
  expect(pieceRowsIn(0, texts, 16)).toBe(512);
});

it("a piece of columns with a known size makes at most 16 MiB, and has at least one row", () => {
  expect(mostRows([], making(3 * 224 * 224))).toBe(27);
  expect(pieceRowsIn(5000, pieceRowsOf([TOKENIZE], making(1 << 20)), 4)).toBe(4);
  expect(mostRows([], making(1 << 24))).toBe(1);
});

needs("sound")("the size of a piece of sounds follows their maximum duration", () => {
  expect(mostRows([soundOf(3600)], NOTHING)).toBe(2);
  expect(mostPieceBytes([soundOf(3600)], 2)).toBe(2 * 3600 * 16_000 * 4);
  expect(mostRows([soundOf(10)], NOTHING)).toBe(16);
  expect(mostRows([soundOf(36_000)], NOTHING)).toBe(1);
  expect(mostPieceBytes([TOKENIZE], 512)).toBeNull();
});
