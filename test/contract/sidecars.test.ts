import { describe, expect, test } from "vitest";
import { EXTENSIONS } from "#extensions";
import { buildManifest } from "../../coordinator/publish/layout.ts";
import { manifestText, parseManifest } from "../../coordinator/publish/read-manifest.ts";
import { MANIFEST_NAME } from "../../shared/domain/manifest.ts";
import { NO_RUN } from "../../shared/domain/run-facts.ts";
import { rowCounts } from "../support/builders.ts";
import { aDigest, aJobId, jobDigests } from "../support/ids.ts";
import { suiteCovers } from "../support/needs.ts";
import { HISTORY } from "../support/run-history.ts";

const sidecars = EXTENSIONS.flatMap(({ name, sidecar }) =>
  sidecar === undefined ? [] : [{ name, sidecar }],
);

const FACTS = {
  job: { id: aJobId("j1"), name: "j" },
  digests: jobDigests("s", "i", "m"),
  run: { ...NO_RUN, rowsTotal: 7, shardsCommitted: 3 },
  counts: rowCounts(7),
  history: HISTORY,
  builds: ["0.1.0"],
  versions: {},
};
const FILES = [
  { path: "rows/part-00000.parquet", kind: "rows", rows: 7, bytes: 1, sha256: aDigest("a".repeat(64)) },
] as const;

test("files next to the manifest have unique keys, and unique names that readers skip", () => {
  const files = [MANIFEST_NAME, "_SUCCESS", ...sidecars.map(({ sidecar }) => sidecar.file)];
  expect(new Set(files).size).toBe(files.length);
  for (const file of files) expect(file).toMatch(/^_[a-zA-Z.]+$/);
  const taken = Object.keys(buildManifest({ ...FACTS, marker: "_SUCCESS", spec: {} }, FILES));
  const keys = [...taken, ...sidecars.map(({ sidecar }) => sidecar.key)];
  expect(new Set(keys).size).toBe(keys.length);
});

suiteCovers(sidecars, "report");

describe.each(sidecars)("the file of $name next to the manifest", ({ sidecar: { key, file, load } }) => {
  test("is unchanged after the manifest is written and read back", async () => {
    const textOf = await load();
    const manifest = buildManifest({ ...FACTS, sidecars: { [key]: file } }, FILES);
    const text = textOf(manifest);
    expect(text).not.toBe("");
    expect(textOf(parseManifest(manifestText(manifest), "m"))).toBe(text);
  });
});
