import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { runPage } from "./run-page.ts";

/** Promised output of each tutorial, by its page. */
const ENDS: Readonly<Record<string, RegExp>> = {
  // Each sentence is nearest to the one that means the same, and vectors have 384 numbers.
  "texts.md":
    /^ *0 +1 .*\n *1 +0 .*\n *2 +3 .*\n *3 +2 .*\n *4 +5 .*\n *5 +4 .*\n *6 +7 .*\n *7 +6 .*$[\s\S]*^384$/m,
  "images.md": /^\d+ +\S+\.(png|jpg) +0\.\d+$/m,
  "labelled-pictures.md": /^2[89]\d of 300 pictures are right$/m,
  "sounds.md": /^(18|19|20) of 20 files are right$/m,
  "table.md": /50000 rows, largest difference \d/,
  "no-model.md": /^\d{4} orders are right, \d+ have no region$/m,
  "webdataset.md": /^120 captions have vectors of 384 numbers$/m,
  "several-machines.md": /part-00000\.parquet/,
};

test("every tutorial is tested", async () => {
  const pages = (await readdir(join(packageRoot, "docs", "tutorials"))).filter(
    (name) => name !== "README.md",
  );
  expect(pages.sort()).toEqual(Object.keys(ENDS).sort());
});

test.each(Object.entries(ENDS))("the commands of %s give the promised output", async (page, end) => {
  const outputs = await runPage(join("docs", "tutorials", page));
  expect(outputs.join("\n")).toMatch(end);
});
