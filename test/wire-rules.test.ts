import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../shared/core/package-root.ts";

/**
 * Verdict of `npm run wire`, which runs buf as CI does, on copies of the proto files with one change each.
 */

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-wire-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** @param edits changes of files below `proto/shardmill/v1`, whose old text must exist */
async function judge(edits: readonly Edit[]) {
  const proto = join(folder, "proto");
  await rm(proto, { recursive: true, force: true });
  await cp(join(packageRoot, "proto"), proto, { recursive: true });
  for (const { file, from, to } of edits) {
    const path = join(proto, "shardmill", "v1", file);
    const text = await readFile(path, "utf8");
    expect(text).toContain(from);
    await writeFile(path, text.replace(from, to));
  }
  const script = join(packageRoot, "scripts", "wire.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, "--proto", proto], {
    encoding: "utf8",
  });
  return { status, said: `${stdout}${stderr}` };
}

const status = (from: string, to: string): Edit[] => [{ file: "jobs.proto", from, to }];
const work = (from: string, to: string): Edit[] => [{ file: "work.proto", from, to }];
const server = (from: string, to: string): Edit => ({ file: "server.proto", from, to });

test.each([
  ["a removed field", status("  string advice = 23;", ""), "deleted"],
  ["a removed field whose number is reserved", status("  string advice = 23;", "  reserved 23;"), "deleted"],
  ["a field with another number", status("string advice = 23;", "string advice = 93;"), "deleted"],
  ["a field with another type", status("string advice = 23;", "bytes advice = 23;"), "changed type"],
  ["a field with another name", status("string advice = 23;", "string hint = 23;"), "changed name"],
  [
    "a field that becomes a list",
    status("string advice = 23;", "repeated string advice = 23;"),
    "cardinality",
  ],
  ["a removed enum value", status("  JOB_PHASE_CANCELLED = 7;", ""), "deleted"],
  ["a removed call", status("  rpc ListJobs(ListJobsRequest) returns (ListJobsResponse);", ""), "deleted"],
  [
    "a call with another response",
    status("returns (ListJobsResponse)", "returns (GetJobResponse)"),
    "response type",
  ],
  [
    "a call that becomes a stream",
    status("returns (ListJobsResponse)", "returns (stream ListJobsResponse)"),
    "streaming",
  ],
  [
    "a change of the package",
    [
      server("package shardmill.v1;", "package shardmill.v2;"),
      server("ProtocolRange protocol", "shardmill.v1.ProtocolRange protocol"),
    ],
    'changed from "shardmill.v1"',
  ],
  ["a removed worker field that is not reserved", work("  uint32 pid = 5;", ""), "deleted"],
  ["a worker field with another type", work("uint32 pid = 5;", "string pid = 5;"), "changed type"],
])("npm run wire refuses %s", async (_what, edit, says) => {
  const { status: code, said } = await judge(edit);
  expect(said).toContain(says);
  expect(code).toBe(1);
});

test.each([
  ["unchanged proto files", []],
  ["a new field", status("  string advice = 23;", "  string advice = 23;\n  string more = 99;")],
  [
    "a new enum value",
    status("  JOB_PHASE_CANCELLED = 7;", "  JOB_PHASE_CANCELLED = 7;\n  JOB_PHASE_MORE = 8;"),
  ],
  [
    "a new call",
    status("  rpc ListJobs", "  rpc ListMore(ListJobsRequest) returns (ListJobsResponse);\n  rpc ListJobs"),
  ],
  [
    "a removed worker field whose number and name are reserved",
    work("uint32 pid = 5;", 'reserved 5;\n  reserved "pid";'),
  ],
])("npm run wire allows %s", async (_what, edit) => {
  expect(await judge(edit)).toEqual({ status: 0, said: "" });
});
