import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DataType,
  Dictionary,
  Int32,
  LargeUtf8,
  type RecordBatch,
  Table,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import type { SplitOp, TokenizeOp } from "../../../extensions/text/op.ts";
import { offsetsColumn, truncatedColumn } from "../../../extensions/text/token-columns.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { StepBinding, StepColumn } from "../../../shared/domain/step-binding.ts";
import { applyStep } from "../../../shared/steps/apply-step.ts";
import { openStep } from "../../../shared/steps/open-step.ts";
import { fieldOfType } from "../../../shared/values/value-type.ts";
import { stepContract } from "../../contract/step-contract.ts";
import { aDigest } from "../../support/ids.ts";
import { only, plainRows, tableOf } from "../../support/sample-table.ts";
import { TOKENIZERS_PATH } from "../../support/tokenizers/path.ts";

const { signal } = new AbortController();
interface Expected {
  readonly whole: readonly { readonly ids: readonly number[] }[];
  readonly pairs: readonly { readonly ids: readonly number[]; readonly types: readonly number[] }[];
}

/** Results of the reference library in Python: see make.py. */
const { texts, expected } = JSON.parse(readFileSync(join(TOKENIZERS_PATH, "expected.json"), "utf8")) as {
  readonly texts: readonly string[];
  readonly expected: Readonly<Record<"wordpiece", Expected>>;
};

interface SteppedRow {
  readonly id: number;
  readonly text: string | null;
  readonly ids: readonly number[] | null;
  readonly types: readonly number[] | null;
  readonly part: number;
  readonly start: number;
  readonly end: number;
}

function fileOf(name: string) {
  return { location: parseLocation(join(TOKENIZERS_PATH, name)), bytes: 0, sha256: aDigest("") };
}

/** Returns numbered texts, of which every seventh is null. */
function textRows(type: DataType = new Utf8()): RecordBatch {
  const values = texts.map((text, row) => (row % 7 === 6 ? null : text));
  const [batch] = tableOf({
    id: only(
      vectorFromArray(
        values.map((_, row) => row),
        new Int32(),
      ),
    ),
    text: only(vectorFromArray(values, type)),
    other: only(vectorFromArray([...texts].reverse(), new Utf8())),
  }).batches;
  if (batch === undefined) throw new Error("expected one record batch");
  return batch;
}

const list = { kind: "list", item: { kind: "numeric", type: "int32" } } as const;
const int32 = { kind: "numeric", type: "int32" } as const;

function tokenize(keys: Partial<TokenizeOp>, rows: RecordBatch): StepBinding {
  const all: TokenizeOp = {
    ...{ texts: ["text"], prefix: "", maxTokens: null, truncation: "right" },
    ...{ specialTokens: true, ids: "ids", types: "types", offsets: null, truncated: null, ...keys },
  };
  const passed = fieldsOf(rows.schema).map((field): StepColumn => ({ ...field, from: field.name }));
  const made = [all.ids, all.types].map((name) => ({ name, type: list, nullable: true, from: null }));
  const columns = [...passed, ...made];
  const op = { kind: "extension", step: "tokenize", data: { ...all } } as const;
  return { where: "step", op, files: [fileOf("wordpiece.json")], reads: all.texts, columns };
}

function withOffsets(plan: StepBinding): StepBinding {
  return {
    ...plan,
    columns: [...plan.columns, { ...fieldOfType(offsetsColumn("places")), from: null }],
  };
}

function split(op: Partial<SplitOp>, rows: RecordBatch, file = "wordpiece.json"): StepBinding {
  const all: SplitOp = { column: "text", tokens: 9, overlap: 2, sentences: false, ...op };
  const passed = fieldsOf(rows.schema).map((field): StepColumn => {
    return field.name === "text"
      ? { ...field, type: { kind: "string" }, from: null }
      : { ...field, from: field.name };
  });
  const made = ["part", "start", "end"].map((name) => ({ name, type: int32, nullable: false, from: null }));
  const bound = { kind: "extension", step: "split", data: { ...all } } as const;
  return { where: "step", op: bound, files: [fileOf(file)], reads: ["text"], columns: [...passed, ...made] };
}

const rows = textRows();
const PLANS: Readonly<Record<string, StepBinding>> = {
  "a tokenizer": tokenize({}, rows),
  "a tokenizer of truncated pairs": tokenize(
    { texts: ["text", "other"], maxTokens: 9, truncation: "left" },
    rows,
  ),
  "a tokenizer with offsets": withOffsets(tokenize({ offsets: "places" }, rows)),
  "a split": split({}, rows),
  "a split by sentences": split({ sentences: true }, rows, "bpe.json"),
};

for (const [name, plan] of Object.entries(PLANS))
  stepContract(name, async () => ({ plan, open: (options) => openStep(plan, options), rows }));

async function run(plan: StepBinding, batch: RecordBatch) {
  await using step = await openStep(plan, { scratchPath: "", stores: NO_STORES });
  const found = await applyStep(step, plan, batch, signal);
  return { ...found, rows: plainRows(new Table([found.batch])) as readonly SteppedRow[] };
}

describe("a tokenizer as a step", () => {
  it("ids and types equal those of the reference library, and a null text gives null", async () => {
    const { rows: found } = await run(tokenize({ texts: ["text", "other"] }, rows), rows);
    expect(found.map(({ ids, types }) => ({ ids, types }))).toEqual(
      expected.wordpiece.pairs.map((pair, row) => (row % 7 === 6 ? { ids: null, types: null } : pair)),
    );
  });

  it("each layout of a text column gives the same ids", async () => {
    const { rows: plain } = await run(tokenize({}, rows), rows);
    expect(plain.map(({ ids }) => ids)).toEqual(
      expected.wordpiece.whole.map(({ ids }, row) => (row % 7 === 6 ? null : ids)),
    );
    for (const type of [new LargeUtf8(), new Dictionary(new Utf8(), new Int32())]) {
      const other = textRows(type);
      const { rows: found } = await run(tokenize({}, other), other);
      expect(found.map(({ ids }) => ids)).toEqual(plain.map(({ ids }) => ids));
    }
  });

  it("only truncated texts are marked and reported as truncated", async () => {
    const plan = tokenize({ maxTokens: 9, truncated: "cut" }, rows);
    const column = { ...fieldOfType(truncatedColumn("cut")), from: null };
    const isCut = expected.wordpiece.whole.map(({ ids }, row) => (row % 7 === 6 ? null : ids.length > 9));
    const { rows: found } = await run({ ...plan, columns: [...plan.columns, column] }, rows);
    expect(found.map((row) => Reflect.get(row, "cut"))).toEqual(isCut);
    const { noted } = await run(tokenize({ maxTokens: 9, truncation: "left" }, rows), rows);
    expect(noted.rowsTruncated).toEqual([...isCut.keys()].filter((row) => isCut[row] === true));
    expect((await run(split({}, rows), rows)).noted.rowsTruncated).toEqual([]);
  });

  it("the prefix is put before a text, and before the first text of a pair", async () => {
    const batch = rows.slice(4, 5);
    const [spelled] = tableOf({
      id: only(vectorFromArray([4], new Int32())),
      text: only(vectorFromArray([`query: ${texts[4]}`], new Utf8())),
      other: only(vectorFromArray([texts.at(-5)], new Utf8())),
    }).batches;
    if (spelled === undefined) throw new Error("expected one record batch");
    for (const columns of [["text"], ["text", "other"]]) {
      const prefixed = await run(tokenize({ prefix: "query: ", texts: columns }, batch), batch);
      const plain = await run(tokenize({ texts: columns }, spelled), spelled);
      expect(prefixed.rows[0]?.ids).toEqual(plain.rows[0]?.ids);
    }
  });

  it("bytes that are not UTF-8 are read as U+FFFD", async () => {
    const column = only(vectorFromArray(["ab"], new Utf8()));
    column.values.set([0xff, 0xfe]);
    const others = { id: only(vectorFromArray([0], new Int32())), other: column };
    const [broken] = tableOf({ ...others, text: column }).batches;
    const [spelled] = tableOf({
      ...others,
      text: only(vectorFromArray(["\ufffd\ufffd"], new Utf8())),
    }).batches;
    if (broken === undefined || spelled === undefined) throw new Error("expected record batches");
    const found = await run(tokenize({}, broken), broken);
    expect(found.rows[0]?.ids).toEqual((await run(tokenize({}, spelled), spelled)).rows[0]?.ids);
  });
});

describe("a split as a step", () => {
  it("each passage has its part, its place in code points, and at most the limit of tokens", async () => {
    for (const file of ["wordpiece.json", "bpe.json", "unigram.json"]) {
      const { rows: found, sources } = await run(split({}, rows, file), rows);
      const parts = new Map<number, number>();
      for (const [at, { id, text, part, start, end }] of found.entries()) {
        const row = Number(id);
        expect(sources?.[at]).toBe(row);
        expect(part).toBe(parts.get(row) ?? 0);
        parts.set(row, Number(part) + 1);
        const whole = [...(texts[row] ?? "")];
        expect(text).toBe(row % 7 === 6 ? null : whole.slice(Number(start), Number(end)).join(""));
      }
      expect(parts.size).toBe(texts.length);
      expect(found.length).toBeGreaterThan(2 * texts.length);
      const [batch] = tableOf({
        text: only(
          vectorFromArray(
            found.map(({ text }) => text ?? ""),
            new Utf8(),
          ),
        ),
      }).batches;
      if (batch === undefined) throw new Error("expected one record batch");
      const counted = { ...tokenize({}, batch), files: [fileOf(file)] };
      const { rows: tokens } = await run(counted, batch);
      expect(Math.max(...tokens.map(({ ids }) => ids?.length ?? 0))).toBe(9);
    }
  });

  it("a text that fits stays unchanged", async () => {
    const wide = await run(split({ tokens: 2000, overlap: 0 }, rows), rows);
    expect(wide.rows.map(({ text }) => text)).toEqual(rows.getChild("text")?.toJSON());
  });
});
