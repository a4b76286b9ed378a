import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RecordBatch, Schema, Table, tableToIPC } from "apache-arrow";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fieldTypeOf } from "../../shared/dataset/fields.ts";
import { gather } from "../../shared/dataset/gather.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { NOTED_COUNTS } from "../../shared/domain/row-counts.ts";
import { madeColumns, type StepBinding } from "../../shared/domain/step-binding.ts";
import { applyStep } from "../../shared/steps/apply-step.ts";
import type { OpenStepOptions, Step } from "../../shared/steps/step.ts";
import { plainRows } from "../support/sample-table.ts";

/** One step to test, with rows for it. Some are dropped, or become several, where the step does that. */
export interface StepUnderTest {
  readonly plan: StepBinding;
  readonly open: (options: OpenStepOptions) => Promise<Step>;
  readonly rows: RecordBatch;
}

const { signal } = new AbortController();

/** Checks the promises of every step. */
export function stepContract(name: string, makeStep: () => Promise<StepUnderTest>): void {
  describe(`${name} as a step`, () => {
    let scratchPath: string;
    let on: StepUnderTest;
    let step: Step;

    beforeEach(async () => {
      scratchPath = await mkdtemp(join(tmpdir(), "shardmill-step-"));
      on = await makeStep();
      step = await on.open({ scratchPath, stores: NO_STORES, paths: [] });
    });

    afterEach(async () => {
      await step[Symbol.asyncDispose]();
      expect(await readdir(scratchPath)).toEqual([]);
      await rm(scratchPath, { recursive: true });
    });

    /** Returns the rows after the step, each with its source row and its notes. */
    async function behind(start: number, end: number) {
      const stepped = await applyStep(step, on.plan, on.rows.slice(start, end), signal);
      const { batch, sources, noted } = stepped;
      const rows = plainRows(new Table([batch]));
      return rows.map((row, at) => {
        const source = sources === null ? at : (sources[at] ?? -1);
        const counts = NOTED_COUNTS.filter((name) => noted[name].includes(source));
        return { row, source: start + source, counts };
      });
    }

    it("the step returns the columns of its plan with their types, from rows in order", async () => {
      const { made, sources } = await step.run(readBy(on), signal);
      const types = made.schema.fields.map((field) => ({ name: field.name, type: fieldTypeOf(field.type) }));
      expect(types).toEqual(madeColumns(on.plan).map((column) => ({ name: column.name, type: column.type })));
      const { batch } = await applyStep(step, on.plan, on.rows, signal);
      expect(batch.schema.fields.map((field) => field.name)).toEqual(
        on.plan.columns.map((column) => column.name),
      );
      expect([...(sources ?? [])].sort((a, b) => a - b)).toEqual([...(sources ?? [])]);
    });

    it("the result of a row does not depend on the other rows of its batch", async () => {
      const whole = await behind(0, on.rows.numRows);
      const cuts = fc.array(fc.nat(on.rows.numRows), { maxLength: 3 });
      const property = fc.asyncProperty(cuts, async (inside) => {
        const at = [0, ...inside.sort((a, b) => a - b), on.rows.numRows];
        const pieces = [];
        for (const [index, end] of at.slice(1).entries()) pieces.push(...(await behind(at[index] ?? 0, end)));
        expect(pieces).toEqual(whole);
      });
      await fc.assert(property, { numRuns: 15 });
    });

    it("the same rows give the same bytes", async () => {
      const bytes = async () => {
        const { batch, sources } = await applyStep(step, on.plan, on.rows, signal);
        return { ipc: Buffer.from(tableToIPC(new Table([batch]), "stream")).toString("base64"), sources };
      };
      expect(await bytes()).toEqual(await bytes());
    });

    it("a batch without rows gives no rows and all columns", async () => {
      const { schema } = readBy(on);
      const columns = schema.fields.map(({ type }) => gather(type, []));
      const { made } = await step.run(recordBatchOf(schema, 0, columns), signal);
      expect(made.numRows).toBe(0);
      expect(made.schema.fields.map((field) => field.name)).toEqual(
        madeColumns(on.plan).map((column) => column.name),
      );
    });

    it("a run with an aborted signal throws its reason", async () => {
      const reason = new Error("enough");
      await expect(step.run(readBy(on), AbortSignal.abort(reason))).rejects.toBe(reason);
    });
  });
}

function readBy({ plan, rows }: StepUnderTest): RecordBatch {
  const fields = plan.reads.map((name) => {
    const field = rows.schema.fields.find((other) => other.name === name);
    if (field === undefined) throw new Error(`there is no column ${name}`);
    return field;
  });
  return recordBatchOf(
    new Schema(fields),
    rows.numRows,
    plan.reads.map((name) => columnData(rows, name)),
  );
}
