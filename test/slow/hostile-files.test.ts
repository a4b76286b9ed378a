import { expect, test } from "vitest";
import { GOOD_MODEL, ONNX_LIES } from "../../fault/hostile/hostile-onnx.ts";
import { PARQUET_LIES } from "../../fault/hostile/hostile-parquet.ts";
import type { FileKind } from "../../fault/hostile/kinds.ts";
import { tryKind } from "../../fault/hostile/try-kind.ts";
import { JobFolder } from "../support/job-folder.ts";
import { runCli } from "../support/processes.ts";

/**
 * A part of `npm run hostile` with its own seed: every lie made by hand, and some damaged files. Each must
 * end in a typed error, or be accepted, in bounded time and memory. The counts show that some files pass the
 * first checks.
 */
const SEED = 7;

test.each<[FileKind, number, string]>([
  ["parquet", PARQUET_LIES.length + 40, "INPUT_CORRUPT"],
  ["arrow", 100, "INPUT_CORRUPT"],
  ["jobFile", 30, "SPEC_INVALID"],
  ["journal", 25, "JOURNAL_CORRUPT"],
  ["partial", 40, "PARTIAL_INVALID"],
])(
  "hostile %s files: each of %d is accepted or fails with a typed error",
  async (kind, count, code) => {
    const broken: string[] = [];
    const tally = await tryKind({
      kind,
      seed: SEED,
      from: 0,
      count,
      onBroken: ({ index }, { what, broken: why }) => void broken.push(`${index}: ${what}: ${why}`),
    });
    expect(broken).toEqual([]);
    expect(tally.tried).toBe(count);
    expect(tally.count(code)).toBeGreaterThan(count / 10);
    expect(tally.count("accepted")).toBeGreaterThan(0);
  },
  300_000,
);

test("hostile models: each handmade one is accepted or fails with a typed error", async () => {
  const broken: string[] = [];
  const tally = await tryKind({
    kind: "onnx",
    seed: SEED,
    from: 0,
    count: ONNX_LIES,
    onBroken: ({ index }, { what, broken: why }) => void broken.push(`${index}: ${what}: ${why}`),
  });
  expect(broken).toEqual([]);
  expect(tally.count("MODEL_INVALID")).toBeGreaterThan(20);
  expect(tally.count("accepted")).toBeGreaterThan(0);
});

test("a hostile Parquet file fails the job with the file's name, and does not restart the worker", async () => {
  await using job = await JobFolder.make({
    files: 0,
    spec: {
      map: { inputs: { input: "x" }, outputs: { best: { tensor: "logits", op: "argmax" } } },
      reduce: {},
    },
  });
  await job.write("model.onnx", GOOD_MODEL);
  for (const what of BOMBS) {
    const bomb = PARQUET_LIES.map((make) => make()).find((lie) => lie.what === what);
    if (bomb === undefined) throw new Error(`there is no hostile file: ${what}`);
    const path = await job.write("data/part-0.parquet", bomb.bytes);
    const { code, stderr } = await runCli(["run", job.job, "--workers", "1", "--fresh"], {
      limitMs: 300_000,
    });
    expect([1, 2], `${what}: ${stderr}`).toContain(code);
    expect(stderr).toMatch(/\(INPUT_(CORRUPT|UNSUPPORTED)\)/);
    expect(stderr).toContain(path);
    expect(stderr).not.toMatch(/is restarted|POISON/);
  }
});

const BOMBS = [
  "zstd of 4 GiB in a page of 16 bytes",
  "a page with a claimed size of 2 GiB",
  "a dictionary index out of range",
];
