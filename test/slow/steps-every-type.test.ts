import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Int32, type RecordBatch, Table, vectorFromArray } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fieldsOf, fieldTypeOf } from "../../shared/dataset/fields.ts";
import { parquetFault } from "../../shared/dataset/parquet-form.ts";
import { plainBatch, plainCopy } from "../../shared/dataset/plain-batch.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import { type LockedDatabase, openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { planSql } from "../../shared/steps/plan-sql.ts";
import { BusyMeter } from "../../worker/meter/busy-meter.ts";
import { StageSteps } from "../../worker/steps/stage-steps.ts";
import { ARROW_TYPES } from "../support/arrow-types.ts";
import { only, plainRows, tableOf } from "../support/sample-table.ts";
import { NESTINGS, type Nesting } from "../support/type-nestings.ts";

/**
 * Every Arrow type, alone and within others, through the steps of a stage, in their threads. `prepare`: as
 * decoded. `finish`: as the collector makes it, without dictionaries and views. SQL drops or doubles some of
 * three rows, and the values are compared with their sources.
 */

const { signal } = new AbortController();

let root: string;
let database: LockedDatabase;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-step-types-"));
  database = await openLockedDatabase({ folders: [root], threads: 1, tempFolder: join(root, "tmp") });
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** A column of one type: its name, its type, SQL that extracts the sample, and the sample as text. */
interface Column {
  readonly name: string;
  readonly type: string;
  readonly out: string;
  readonly texts: readonly [string, string];
}

function columnsOf({ out }: Nesting): readonly Column[] {
  return Object.entries(ARROW_TYPES).map(([type, { texts }], index) => {
    const name = `c${index}`;
    return { name, type, texts, out: out.replace(/^k/, name) };
  });
}

/** Returns one column of each type, and `id`: 0, 1, 2. */
function batchOf({ nest }: Nesting): RecordBatch {
  const samples = Object.values(ARROW_TYPES).map(({ data }, index) => [`c${index}`, nest(data)] as const);
  const id = only(vectorFromArray([0, 1, 2], new Int32()));
  const [batch] = tableOf({ id, ...Object.fromEntries(samples) }).batches;
  if (batch === undefined) throw new Error("no record batch");
  return batch;
}

async function planned(sql: string, fields: readonly Field[]): Promise<StepBinding> {
  const result = await planSql({ where: "sql", sql }, fields, database, root);
  if (result.kind === "refused") throw new Error(result.problems.map(({ what }) => what).join("; "));
  return result.step;
}

/** Returns the rows after these SELECTs, one step after another. */
async function through(batch: RecordBatch, selects: readonly string[]): Promise<RecordBatch> {
  const steps: StepBinding[] = [];
  for (const sql of selects) steps.push(await planned(sql, steps.at(-1)?.columns ?? fieldsOf(batch.schema)));
  const meter = new BusyMeter(() => 0);
  await using stage = new StageSteps({
    stage: "prepare",
    steps,
    threads: 1,
    shardThreads: 1,
    scratchPath: root,
    stores: NO_STORES,
    meter,
  });
  return (await stage.run(batch, undefined, signal)).batch;
}

const rowsOf = (batch: RecordBatch) => plainRows(new Table([batch])) as Record<string, unknown>[];
const typesOf = ({ schema }: RecordBatch) => schema.fields.map(({ type }) => fieldTypeOf(type));

/** Returns true for types that SQL computes with. Other tests cover the refusal of the rest. */
function isComputed({ name, type }: Column, batch: RecordBatch): boolean {
  const field = fieldsOf(batch.schema).find((other) => other.name === name);
  return field !== undefined && parquetFault(field.type) === null && type !== "decimal256 of 50 digits";
}

const STAGES = { prepare: (batch: RecordBatch) => batch, finish: plainCopy };

describe.for(Object.entries(NESTINGS))("every type in %s", ([, nesting]) => {
  const columns = columnsOf(nesting);

  test.for(Object.entries(STAGES))("passes the stage %s unchanged", async ([, made]) => {
    const batch = made(batchOf(nesting));
    const source = rowsOf(batch);

    const each = await through(batch, ["SELECT *, id + 1 AS next FROM rows"]);
    expect(rowsOf(each)).toEqual(source.map((row, id) => ({ ...row, next: id + 1 })));
    expect(typesOf(each).slice(0, -1)).toEqual(typesOf(batch));

    const some = await through(batch, [
      "SELECT * FROM rows WHERE id <> 1",
      "SELECT *, unnest([5, 6]) AS part FROM rows",
    ]);
    const kept = [source[0], source[0], source[2], source[2]];
    expect(rowsOf(some)).toEqual(kept.map((row, at) => ({ ...row, part: 5 + (at % 2) })));
    expect(typesOf(some).slice(0, -1)).toEqual(typesOf(plainBatch(batch)));
  });

  test.for(Object.entries(STAGES))(
    "is read by the SQL of %s with its own values, and again by later SQL",
    async ([, made]) => {
      const batch = made(batchOf(nesting));
      const seen = columns.filter((column) => isComputed(column, batch));
      expect(seen.length).toBeGreaterThan(40);
      const texts = (of: readonly Column[], from: string) =>
        of.map(({ name, out }) => `(${out.replace(/^c/, from)})::VARCHAR AS ${name}`).join(", ");
      const expected = (of: readonly Column[]) =>
        [0, null, 1].map((at) =>
          Object.fromEntries(
            of.map(({ name, texts }) => [name, at === null || texts[at] === "NULL" ? null : texts[at]]),
          ),
        );
      expect(rowsOf(await through(batch, [`SELECT ${texts(seen, "c")} FROM rows`]))).toEqual(expected(seen));

      // Results of SQL are read by SQL again. It makes no intervals.
      const again = seen.filter(({ type }) => !type.startsWith("interval"));
      const values = again.map(
        ({ name }) => `CASE WHEN id >= 0 THEN ${name} END AS ${name.replace("c", "v")}`,
      );
      const selects = [`SELECT ${values.join(", ")} FROM rows`, `SELECT ${texts(again, "v")} FROM rows`];
      expect(rowsOf(await through(batch, selects))).toEqual(expected(again));
    },
  );

  test("is refused when SQL would compute with an unsupported type", async () => {
    const batch = batchOf(nesting);
    const refused = columns.filter((column) => !isComputed(column, batch));
    expect(refused.length).toBeGreaterThan(3);
    for (const { name, type } of refused) {
      const planning = planned(`SELECT ${name} IS NULL AS n FROM rows`, fieldsOf(batch.schema));
      await expect(planning, type).rejects.toThrow(`computes with column \`${name}\``);
    }
  });
});
