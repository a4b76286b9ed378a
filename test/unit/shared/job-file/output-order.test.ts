import { describe, expect, test } from "vitest";
import { parseJob } from "./job-text.ts";

describe("the order of output columns", () => {
  const columnsOf = (map: string, ...set: string[]) =>
    parseJob({ map, set }).map.outputs.map(({ column }) => column);

  test("output columns are in the order of the job file, whatever their names", () => {
    expect(columnsOf("outputs: { b: x, 7: y, a: z }")).toEqual(["b", "7", "a"]);
    expect(columnsOf("outputs: [{ column: b }, { column: '1' }, { column: '0' }]")).toEqual(["b", "1", "0"]);
  });

  test("output columns of a merge key are at the place of that key", () => {
    const map = "inputs: &names { c: x, 7: y }\noutputs: { b: x, <<: *names, a: z }";
    expect(columnsOf(map)).toEqual(["b", "c", "7", "a"]);
  });

  test("output columns that --set changes keep their place, and new ones are last", () => {
    const map = "outputs: { b: x, 7: y, a: z }";
    expect(columnsOf(map, "map.outputs.b=w", "map.outputs.0=v")).toEqual(["b", "7", "a", "0"]);
    expect(columnsOf(map, "map.outputs={d: x, a: y}")).toEqual(["d", "a"]);
  });
});
