import { Field, Int32, makeData, RecordBatch, Schema, Table, tableToIPC, Utf8 } from "apache-arrow";
import { expect, it } from "vitest";
import {
  indexOfColumns,
  quickSchema,
  recordBatchOf,
  schemaOfStream,
} from "../../../../shared/dataset/record-batch.ts";
import { everyType, plainRows } from "../../../support/sample-table.ts";

it("a record batch, its slices and its selections equal those of the library", () => {
  const { schema, batches } = everyType(40);
  const [whole] = batches;
  if (whole === undefined) throw new Error("expected one batch");
  const made = recordBatchOf(schema, 40, whole.data.children);
  expect(made.schema.fields).toEqual(schema.fields);
  for (const change of [
    (batch: RecordBatch) => new Table([batch]),
    (batch: RecordBatch) => new Table([batch.slice(7, 20)]),
    (batch: RecordBatch) => new Table(batch.schema, [batch, batch.slice(3)]),
    (batch: RecordBatch) => new Table([batch.selectAt([5, 2])]),
    (batch: RecordBatch) => new Table([batch]).select(["string", "list"]).slice(1, 9),
  ]) {
    const [ours, theirs] = [change(made), change(whole)];
    expect(plainRows(ours)).toEqual(plainRows(theirs));
    expect(Buffer.compare(tableToIPC(ours), tableToIPC(theirs))).toBe(0);
  }
});

it("making a record batch does not search each name among all names", () => {
  let reads = 0;
  const fields = Array.from({ length: 500 }, (_, at) => {
    const field = new Field(`c${at}`, new Int32(), false);
    return Object.defineProperty(field, "name", {
      get: () => {
        reads += 1;
        return `c${at}`;
      },
    });
  });
  const column = makeData({ type: new Int32(), data: Int32Array.of(1, 2) });
  const children = fields.map(() => column);
  const schema = quickSchema(new Schema(fields));
  reads = 0;
  const batch = recordBatchOf(schema, 2, children);
  batch.slice(0, 1);
  batch.selectAt([1, 3, 5]);
  expect(reads).toBeLessThan(10 * fields.length);
});

it("a quick schema is made once for each schema and finds columns by name", () => {
  const schema = new Schema([new Field("a", new Int32(), true), new Field("b", new Utf8(), true)]);
  const quick = quickSchema(schema);
  expect(quickSchema(schema)).toBe(quick);
  expect(quickSchema(quick)).toBe(quick);
  expect(quick).toBeInstanceOf(Schema);
  expect(indexOfColumns(quick).get("b")).toBe(1);
  expect(quick.assign([new Field("b", new Int32(), true)]).fields.map(String)).toEqual([
    "a: Int32",
    "b: Int32",
  ]);
  expect(schemaOfStream(tableToIPC(new Table(schema), "stream")).fields.map(String)).toEqual([
    "a: Int32",
    "b: Utf8",
  ]);
});

it("a column that is shorter than the others is filled with nulls", () => {
  const schema = new Schema([new Field("a", new Int32(), true), new Field("b", new Int32(), true)]);
  const of = (...values: number[]) => makeData({ type: new Int32(), data: Int32Array.from(values) });
  const made = recordBatchOf(schema, 2, [of(1, 2), of(3)]);
  expect(made).toBeInstanceOf(RecordBatch);
  expect(plainRows(new Table([made]))).toEqual([
    { a: 1, b: 3 },
    { a: 2, b: null },
  ]);
});
