import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { runPage } from "./run-page.ts";

/** Sentences that the last commands of a tutorial print, by its page. */
const ENDS: Readonly<Record<string, RegExp>> = {
  "texts.md": /^384$/m,
  "images.md": /\bunsafe\b/,
  "table.md": /50000 rows, largest difference \d/,
  "several-machines.md": /part-00000\.parquet/,
};

test("every tutorial is tried", async () => {
  const pages = (await readdir(join(packageRoot, "docs", "tutorials"))).filter(
    (name) => name !== "README.md",
  );
  expect(pages.sort()).toEqual(Object.keys(ENDS).sort());
});

test.each(Object.entries(ENDS))("a reader can do what %s says", async (page, end) => {
  const outputs = await runPage(join("docs", "tutorials", page));
  expect(outputs.join("\n")).toMatch(end);
});
