import { Int32, type RecordBatch, Table } from "apache-arrow";
import { afterEach, expect, test, vi } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { present } from "../../../../shared/core/assert.ts";
import type { Field } from "../../../../shared/domain/dataset.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import type { StepBinding, StepColumn } from "../../../../shared/domain/step-binding.ts";
import * as steps from "../../../../shared/steps/open-step.ts";
import type { RowFailure, Step } from "../../../../shared/steps/step.ts";
import { StepChain } from "../../../../worker/steps/step-chain.ts";
import { batchOf, column } from "../../../support/shard-inputs.ts";

vi.mock("../../../../shared/steps/open-step.ts", { spy: true });
afterEach(() => vi.restoreAllMocks());

const INT: Omit<Field, "name"> = { type: { kind: "numeric", type: "int32" }, nullable: true };

/** Returns a step that makes `name` of `reads` by `parts`: each number becomes several, or fails. */
function exploding(
  where: string,
  reads: string,
  name: string,
  passes: readonly string[],
  parts: (value: number) => readonly number[] | string,
  isTruncated: (value: number) => boolean = () => false,
): { readonly binding: StepBinding; readonly step: Step; readonly seen: number[] } {
  const columns: StepColumn[] = [
    ...passes.map((pass) => ({ ...INT, name: pass, from: pass })),
    { ...INT, name, from: null },
  ];
  const seen: number[] = [];
  const run = async (batch: RecordBatch) => {
    const made: number[] = [];
    const sources: number[] = [];
    const failed: RowFailure[] = [];
    const truncated: number[] = [];
    for (let row = 0; row < batch.numRows; row += 1) {
      const value = Number(batch.getChild(reads)?.get(row));
      seen.push(value);
      const result = parts(value);
      if (isTruncated(value)) truncated.push(row);
      if (typeof result === "string") failed.push({ row: made.length, code: "ROW_FAILED", message: result });
      for (const part of typeof result === "string" ? [-1] : result) {
        made.push(part);
        sources.push(row);
      }
    }
    return {
      made: batchOf({ [name]: column(made, new Int32()) }),
      sources: Uint32Array.from(sources),
      failed,
      noted: { rowsTruncated: truncated },
    };
  };
  const op = { kind: "sql", select: "", named: [] } as const;
  return {
    binding: { where, op, files: [], reads: [reads], columns },
    step: { run, [Symbol.asyncDispose]: async () => {} },
    seen,
  };
}

async function chainOf(...stepped: readonly ReturnType<typeof exploding>[]): Promise<StepChain> {
  const opened = stepped.map(({ step }) => step);
  vi.mocked(steps.openStep).mockImplementation(async () => present(opened.shift(), "one more step"));
  return await StepChain.open(
    stepped.map(({ binding }) => binding),
    { scratchPath: "", stores: NO_STORES },
  );
}

test("a row that fails in a step is skipped by later steps and keeps its place with nulls", async () => {
  const first = exploding("first", "a", "b", ["a"], (a) => (a === 2 ? "two" : [a * 10, a * 10 + 1]));
  const second = exploding("second", "b", "c", ["a"], (b) => (b === 31 ? "thirty-one" : b === 40 ? [] : [b]));
  await using chain = await chainOf(first, second);
  const { batch, sources, failed } = await chain.run(
    batchOf({ a: column([1, 2, 3, 4], new Int32()) }),
    NEVER,
  );
  const rows = new Table([batch]).toArray().map((row) => row?.toJSON());
  expect(second.seen).toEqual([10, 11, 30, 31, 40, 41]);
  expect([...(sources ?? [])]).toEqual([0, 0, 1, 2, 2, 3]);
  expect(failed).toEqual([
    { row: 2, code: "ROW_FAILED", message: "two" },
    { row: 4, code: "ROW_FAILED", message: "thirty-one" },
  ]);
  expect(rows.map(({ c }) => c)).toEqual([10, 11, null, 30, -1, 41]);
});

test("a row is noted as truncated once, whichever steps truncate whichever of its parts", async () => {
  const first = exploding(
    "first",
    "a",
    "b",
    ["a"],
    (a) => (a === 2 ? "two" : [a * 10, a * 10 + 1]),
    is(4, 5),
  );
  const second = exploding("second", "b", "c", ["a"], (b) => [b], is(10, 11, 31, 40));
  await using chain = await chainOf(first, second);
  const { noted } = await chain.run(batchOf({ a: column([1, 2, 3, 4, 5, 6], new Int32()) }), NEVER);
  expect(noted.rowsTruncated).toEqual([0, 2, 3, 4]);
});

function is(...values: readonly number[]): (value: number) => boolean {
  return (value) => values.includes(value);
}
