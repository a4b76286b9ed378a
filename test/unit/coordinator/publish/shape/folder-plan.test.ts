import fc from "fast-check";
import { expect, test } from "vitest";
import { FolderPlan } from "../../../../../coordinator/publish/shape/folder-plan.ts";
import { groupParts } from "../../../../../shared/rows/plan-parts.ts";

const ROOMY = { bytes: 1_000_000, ranges: 1_000_000 };
const folder = (name: string, rows: number, bytes = 1) => ({ name, rows, bytes });

test("each folder has its rows of all files in plan order, whatever the order of the lists", () => {
  const plan = new FolderPlan(["k"]);
  plan.add(2, [folder("k=a", 5)]);
  plan.add(0, [folder("k=a", 1), folder("k=c", 2)]);
  plan.add(1, []);
  plan.add(3, [folder("k=b", 3), folder("k=c", 4)]);
  const range = (source: number, rowStart: number, rowEnd: number) => ({ source, rowStart, rowEnd });
  expect([...groupParts(plan.folders(), ROOMY)]).toEqual([
    [
      { name: "k=a", ranges: [range(0, 0, 1), range(2, 0, 5)], bytes: 2 },
      { name: "k=b", ranges: [range(3, 0, 3)], bytes: 1 },
      { name: "k=c", ranges: [range(0, 1, 3), range(3, 3, 7)], bytes: 2 },
    ],
  ]);
});

test("runs are consecutive folders within the limits, and a larger folder is alone", () => {
  const lists = fc.array(
    fc.uniqueArray(fc.record({ k: fc.nat(20), rows: fc.integer({ min: 1, max: 9 }), bytes: fc.nat(30) }), {
      selector: ({ k }) => k,
      maxLength: 12,
    }),
    { minLength: 1, maxLength: 5 },
  );
  const limits = fc.record({
    bytes: fc.integer({ min: 1, max: 60 }),
    ranges: fc.integer({ min: 1, max: 6 }),
  });
  fc.assert(
    fc.property(lists, limits, (files, most) => {
      const plan = new FolderPlan(["k"]);
      const named = files.map((list) =>
        list
          .map(({ k, rows, bytes }) => folder(`k=${k}`, rows, bytes))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
      );
      for (const [source, list] of named.entries()) plan.add(source, list);
      const runs = [...groupParts(plan.folders(), most)];
      for (const run of runs) {
        const bytes = run.reduce((sum, each) => sum + each.bytes, 0);
        const ranges = run.reduce((sum, each) => sum + each.ranges.length, 0);
        expect(run.length === 1 || (bytes <= most.bytes && ranges <= most.ranges)).toBe(true);
      }
      const folders = runs.flat();
      expect(folders.map(({ name }) => name)).toEqual(
        [...new Set(named.flat().map(({ name }) => name))].sort(),
      );
      // The ranges of a file follow each other without gaps, and have all of its rows.
      for (const [source, list] of named.entries()) {
        const own = folders.flatMap(({ ranges }) => ranges.filter((range) => range.source === source));
        const ends = [0, ...own.map(({ rowEnd }) => rowEnd)];
        expect(own.map(({ rowStart }) => rowStart)).toEqual(ends.slice(0, -1));
        expect(ends.at(-1)).toBe(list.reduce((sum, { rows }) => sum + rows, 0));
      }
    }),
  );
});

test("more folders than the limit are refused", () => {
  const plan = new FolderPlan(["k"]);
  const many = Array.from({ length: 10_000 }, (_, at) => folder(`k=${at}`, 1));
  plan.add(0, many);
  plan.add(1, many.slice(0, 3));
  expect(() => plan.add(2, [folder("k=x", 1)])).toThrow("`k` would make more than 10,000 folders");
});
