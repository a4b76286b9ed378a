import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { footerProcess } from "../../../../../coordinator/plan/footers/footer-processes.ts";
import { FooterReaders } from "../../../../../coordinator/plan/footers/footer-readers.ts";
import type { FoundFile } from "../../../../../coordinator/plan/input/discover.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";

let root: string;
const fileOf = (path: string): FoundFile => ({
  path: parseLocation(path),
  format: "parquet",
  bytes: 10,
  version: "1",
});
const limits = { limitMs: 20_000, memoryLimitBytes: 400 << 20, signal: new AbortController().signal };

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-readers-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Script that answers with one layout for each file, and exits on files named `/bad`. */
const READER = `process.on("message", ({ id, argument: { files } }) => {
  if (files.some(({ path }) => path.startsWith("/bad"))) process.exit(7);
  const schemas = [{ fields: [], layout: "one", classes: {} }];
  const found = files.map((file) => ({ kind: "read", file, rowGroups: [], schema: 0 }));
  process.send({ kind: "done", id, value: { schemas, files: found } });
});
`;

async function readers(): Promise<FooterReaders> {
  const path = join(root, "reader.mjs");
  await writeFile(path, READER);
  return new FooterReaders(limits, (bytes) => footerProcess(bytes, pathToFileURL(path)));
}

test("if files are read together, only those that break the process are reported as corrupt", async () => {
  await using reading = await readers();
  const paths = ["/a", "/bad-1", "/b", "/bad-2", "/c"];
  const replies = await reading.read(paths.map(fileOf));
  expect(replies.map((reply) => (reply.kind === "read" ? reply.footer.file.path : reply.error))).toEqual([
    "/a",
    expect.objectContaining({ code: "INPUT_CORRUPT", fields: expect.objectContaining({ path: "/bad-1" }) }),
    "/b",
    expect.objectContaining({ code: "INPUT_CORRUPT", fields: expect.objectContaining({ path: "/bad-2" }) }),
    "/c",
  ]);
});

test("files with the same schema share one list of fields, across replies", async () => {
  await using reading = await readers();
  const replies = [...(await reading.read([fileOf("/a")])), ...(await reading.read([fileOf("/b")]))];
  const fields = replies.map((reply) => (reply.kind === "read" ? reply.footer.fields : null));
  expect(fields[0]).not.toBeNull();
  expect(fields[1]).toBe(fields[0]);
});
