import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readFooters } from "../../../coordinator/plan/footers/read-footers.ts";
import { sealDataset } from "../../../coordinator/plan/footers/seal-dataset.ts";
import type { FoundFile } from "../../../coordinator/plan/input/discover.ts";
import { realDisk } from "../../../shared/core/disk.ts";
import { parseLocation } from "../../../shared/domain/location.ts";

let root: string;
const { signal } = new AbortController();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-text-footers-"));
});

afterAll(() => rm(root, { recursive: true, force: true }));

async function file(name: string, content: string | Buffer): Promise<FoundFile> {
  const path = join(root, name);
  await writeFile(path, content);
  const { size: bytes, version } = await realDisk.stat(path);
  return { path: parseLocation(path), format: name.endsWith(".csv") ? "csv" : "json", bytes, version };
}

it("footers of text files have their rows and common column types, and other types change the digest", async () => {
  const files = [
    await file("a.csv", "n,t\n1,x\n2,y\n"),
    await file("b.csv", ""),
    await file("c.csv", "n,t\n2.5,z"),
    await file("d.ndjson", '{"n":1,"t":"x"}\n{"n":0.5}\n\n'),
  ];
  const footers = await readFooters(files, { signal });
  expect(footers.map((footer) => [footer.file.rows, footer.file.format])).toEqual([
    [2, "csv"],
    [0, "csv"],
    [1, "csv"],
    [2, "json"],
  ]);
  const { fields, digest } = sealDataset(footers);
  expect(fields).toMatchObject([
    { name: "n", type: { type: "float64" } },
    { name: "t", type: { kind: "string" } },
  ]);
  const typed = await readFooters(files, { signal, requested: { options: {}, types: { n: "float32" } } });
  expect(sealDataset(typed).digest).not.toBe(digest);
  expect(sealDataset(await readFooters(files, { signal })).digest).toBe(digest);
});

it("a CSV file with a different header is refused with its path", async () => {
  const files = [await file("1.csv", "a,b\n1,2\n"), await file("2.csv", "b,a\n1,2\n")];
  await expect(readFooters(files, { signal })).rejects.toMatchObject({
    code: "INPUT_SCHEMA_MIXED",
    problems: [{ where: files[1]?.path, expected: "a,b", found: "b,a" }],
  });
});

it("a file is refused with line and byte when most of its rows are not UTF-8", async () => {
  const latin = (text: string) => Buffer.from(text, "latin1");
  const most = [await file("most.csv", latin("a;b\n\n1;x\n2;\xd6l\n3;\xe4\n"))];
  const refused = await readFooters(most, { signal }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "INPUT_UNSUPPORTED", hint: expect.stringMatching(/windows-1252/) });
  expect(String(refused)).toContain("bytes that are not UTF-8 in 2 of 3 rows, the first in line 4 (byte 9)");
  const csv = { nulls: [""], decimal: ".", encoding: "windows-1252" } as const;
  const [read] = await readFooters(most, { signal, requested: { options: { csv }, types: {} } });
  expect(read?.file.rows).toBe(3);
  const half = [await file("half.csv", latin("a;b\n1;x\n2;\xd6l\n"))];
  const [few] = await readFooters(half, { signal });
  expect(few?.undecoded).toEqual({ records: 1, line: 3, byte: 8 });
  expect(read?.undecoded).toBeUndefined();
  const json = [await file("most.jsonl", latin('{"a":"\xe4"}\n'))];
  await expect(readFooters(json, { signal })).rejects.toMatchObject({
    code: "INPUT_UNSUPPORTED",
    hint: expect.stringMatching(/iconv/),
  });
});
