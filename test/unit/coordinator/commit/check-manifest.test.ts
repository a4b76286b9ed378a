import { expect, test } from "vitest";
import { checkManifest } from "../../../../coordinator/commit/check-manifest.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import type { PartialFile } from "../../../../shared/domain/partial.ts";
import { partialDigest } from "../../../../shared/domain/partial-digest.ts";
import { aPartialManifest, rowCounts } from "../../../support/builders.ts";

const RULES = { reduce: {}, rowsFormat: "parquet", hasSteps: false, hasMadeInputs: false } as const;
const ROWS = { kind: "rows", name: "rows.parquet", rows: 7, bytes: 90, sha256: sha256("rows") } as const;
const FOLDERS = { kind: "folders", name: "folders.json", rows: 7, bytes: 9, sha256: sha256("f") } as const;

function check(files: readonly PartialFile[], partitionBy: readonly string[]): void {
  const partial = aPartialManifest({ ...rowCounts(7), files, digest: partialDigest(files) });
  checkManifest(partial, { ...RULES, partitionBy });
}

test("a partial lists the folders of all its rows, where its job has folders", () => {
  check([ROWS, FOLDERS], ["day"]);
  check([ROWS], []);
  expect(() => check([ROWS, { ...FOLDERS, rows: 6 }], ["day"])).toThrow("rows of folders.json");
  expect(() => check([ROWS, FOLDERS], [])).toThrow("files");
});

test("a partial of an earlier version, which lists no folders, is accepted", () => {
  check([ROWS], ["day"]);
});
