import { Float32, Int32, type RecordBatch, Table } from "apache-arrow";
import { expect, test } from "vitest";
import type { MapBinding } from "../../../../shared/domain/map-binding.ts";
import type { Lanes } from "../../../../worker/lanes/lanes.ts";
import { mapInMemory } from "../../../support/memory-shard.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";
import { anOutput } from "../../../support/shard-job.ts";

const ROWS = 50_000;

const map: MapBinding = {
  inputs: [aBinding()],
  outputs: [
    anOutput({ column: "y", tensor: "y", rowDims: [], rowValues: 1 }),
    anOutput({ column: "again", tensor: "y", rowDims: [], rowValues: 1 }),
  ],
  keep: [{ name: "id", type: { kind: "numeric", type: "int32" }, nullable: false }],
  columns: ["c", "id"],
  prepare: [],
  finish: [],
  fixedBatchRows: null,
};

/** Returns `batches` record batches with separate memory, whose values are their places. */
function aTable(batches: number): Table {
  const numbers = (from: number) => Array.from({ length: ROWS }, (_, row) => from + row);
  return new Table(
    Array.from({ length: batches }, (_, index): RecordBatch => {
      const values = numbers(index * ROWS);
      return batchOf({ c: column(values, new Float32()), id: column(values, new Int32()) });
    }),
  );
}

test("mapping frees the memory of input rows and model outputs, and the output rows are correct", async () => {
  const table = aTable(3);
  const made: ArrayBuffer[] = [];
  const infer: Lanes["infer"] = async (feeds) => {
    const x = new Float32Array(feeds.x?.data ?? new ArrayBuffer(0));
    const { buffer } = x.map((value) => value * 2);
    made.push(buffer);
    return { outputs: { y: { dtype: "float32", dims: [x.length], data: buffer } }, feeds, runMs: 1 };
  };
  // Batches cross the ends of record batches.
  const { result } = await mapInMemory({ map, table, infer, nextRows: () => 20_011 });
  expect(made.length).toBe(Math.ceil((3 * ROWS) / 20_011));
  expect(made.map(({ byteLength }) => byteLength)).toEqual(made.map((_, index) => (index < 7 ? 0 : 39_692)));
  for (const { data } of table.batches) {
    for (const { values } of data.children) expect(values.length).toBe(0);
  }
  const { rows } = result;
  const [id, y, again] = ["id", "y", "again"].map((name) => rows.getChild(name)?.toArray());
  expect(rows.numRows).toBe(3 * ROWS);
  for (let row = 0; row < rows.numRows; row += 1) {
    if (id?.[row] !== row || y?.[row] !== 2 * row || again?.[row] !== 2 * row) expect(row).toBe("right");
  }
});

test("without a model, rows pass unchanged, in order, and no batch is sized", async () => {
  const table = aTable(3);
  const kept: MapBinding = { ...map, inputs: [], outputs: [], columns: ["id"] };
  const nextRows = () => expect.fail("a batch was sized");
  const { result, ran } = await mapInMemory({ map: kept, table, infer: null, nextRows });
  expect(ran).toEqual([]);
  expect(result).toMatchObject({ rowsIn: 3 * ROWS, rowsMapped: 3 * ROWS, rowsFiltered: 0 });
  expect(result.rows.schema.names).toEqual(["id"]);
  const id = result.rows.getChild("id")?.toArray();
  expect(id).toEqual(Int32Array.from({ length: 3 * ROWS }, (_, row) => row));
});
