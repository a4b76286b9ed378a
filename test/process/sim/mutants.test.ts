import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { ALL_MUTANTS } from "../../../sim/all-mutants.ts";

test("every bug can be planted, because each text that it replaces is in the compiled code exactly once", async () => {
  const edits = ALL_MUTANTS.flatMap(({ name, edits }) => edits.map((edit) => ({ name, ...edit })));
  const wrong: string[] = [];
  for (const { name, file, find } of edits) {
    const text = await readFile(join(packageRoot, "dist", file), "utf8");
    const times = text.split(find).length - 1;
    if (times !== 1) wrong.push(`${name}: ${times} times in ${file}`);
  }
  expect(wrong).toEqual([]);
});
