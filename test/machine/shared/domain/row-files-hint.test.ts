import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { rowFilesHint } from "../../../../shared/domain/skipped-files.ts";
import { needs } from "../../../support/needs.ts";

const others = (...examples: string[]) =>
  [{ reason: "otherEnding", count: examples.length, examples }] as const;

needs("image", "sound", "csv-json").each([
  ["images", "b.JPG", "c.png"],
  ["sounds", "b.WAV", "c.mp3"],
])("the printed command lists all %s of a folder with any name", (what, one, two) => {
  const root = mkdtempSync(join(tmpdir(), "shardmill-hint-"));
  try {
    const folder = join(root, "it's of ä");
    mkdirSync(join(folder, "deep"), { recursive: true });
    for (const name of [one, join("deep", two), "notes.txt"]) writeFileSync(join(folder, name), "");
    const hint = rowFilesHint(parseLocation(folder), others(join(folder, one)));
    const command = /: (\(echo .*\.csv), then/.exec(hint ?? "")?.[1] ?? "";
    execFileSync("sh", ["-c", command], { cwd: root });
    const lines = readFileSync(join(root, `${what}.csv`), "utf8")
      .trimEnd()
      .split("\n");
    expect(lines).toEqual(["path", ...[join(folder, one), join(folder, "deep", two)].sort()]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

needs(
  "image",
  "sound",
  "csv-json",
)("other files have no hint, and for a bucket the hint asks for a column of addresses", () => {
  expect(rowFilesHint(parseLocation("/data"), others("/data/a.txt"))).toBeNull();
  expect(rowFilesHint(parseLocation("/data"), [])).toBeNull();
  expect(rowFilesHint(parseLocation("s3://b/pictures"), others("s3://b/pictures/a.jpg"))).toContain(
    "a column `path` of the addresses of the images",
  );
});
