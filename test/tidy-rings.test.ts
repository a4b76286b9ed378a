import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EXTENSIONS } from "#extensions";
import { packageRoot } from "../shared/core/package-root.ts";
import { findRingBreaks, findUnusedExceptions, LIST_READERS } from "./support/tidy/rings.ts";
import { listed, parseSource } from "./support/tidy/source-file.ts";

it("the rule finds engine code that names extensions, and extensions with forbidden imports", () => {
  const found = findRingBreaks(
    Object.entries({
      "shared/storage/a.ts": `// As s3 does.\nimport { EXTENSIONS } from "#extensions";\nconst scheme = "gs";\nawait \`az://${"$"}{box}\`;`,
      "coordinator/plan/b.ts": "export const openS3Client = /AWS_REGION/;",
      "page/c.ts": `import { EXTENSIONS } from "#extensions";\nconst example = "s3://bucket";`,
      "extensions/gcs/extension.ts": `import type { Extension } from "../../shared/extension/extension.ts";\nimport { parse } from "./address.ts";\nimport { open } from "./open.ts";\nawait import("./open.ts");`,
      "extensions/gcs/open.ts": `import "../object-store/xml.ts";\nimport "../s3/signer.ts";\nimport "../../worker/read/ways.ts";`,
    }).map(([path, text]) => parseSource(path, text)),
  );
  expect(listed(found)).toEqual([
    `shared/storage/a.ts:2: the list of extensions is read in ${LIST_READERS.join(", ")}`,
    "shared/storage/a.ts:3: the engine knows no extension by name: gcs",
    "shared/storage/a.ts:4: the engine knows no extension by name: azure",
    "coordinator/plan/b.ts:1: the engine knows no extension by name: s3",
    "extensions/gcs/extension.ts:3: a declaration imports ./open.ts where a part is used: import(...)",
    "extensions/gcs/open.ts:2: an extension imports libraries and its declared base, not extensions/s3/signer.ts",
    "extensions/gcs/open.ts:3: an extension imports libraries and its declared base, not worker/read/ways.ts",
  ]);
});

it("the rule finds exceptions that no file needs", () => {
  expect(findUnusedExceptions([])).toEqual([...LIST_READERS]);
});

it("every extension that tests need exists, because tests of an unknown one are always skipped", async () => {
  const names = new Set(EXTENSIONS.map(({ name }) => name));
  const paths = (await readdir(join(packageRoot, "test"), { recursive: true })).filter((path) =>
    path.endsWith(".test.ts"),
  );
  const needed: string[] = [];
  for (const path of paths) {
    const text = await readFile(join(packageRoot, "test", path), "utf8");
    for (const [, list = ""] of text.matchAll(/\bneeds\(([^()]*)\)/g))
      for (const [, name = ""] of list.matchAll(/"([^"]*)"/g)) needed.push(`${path} ${name}`);
  }
  expect(needed.length).toBeGreaterThan(50);
  expect(needed.filter((each) => !names.has(each.split(" ").at(-1) ?? ""))).toEqual([]);
});
