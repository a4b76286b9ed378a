import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CheckerThreadClient } from "../../../../coordinator/commit/checker-thread-client.ts";
import { type Location, parseLocation } from "../../../../shared/domain/location.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import type { PartialRules } from "../../../../shared/domain/partial-layout.ts";
import { aDigest } from "../../../support/ids.ts";
import { writePartials } from "../../../support/partial-builder.ts";

const SHAPE: PartialRules = { reduce: {}, rowsFormat: "parquet", hasSteps: false, hasMadeInputs: false };

let root: string;
let partialsPath: Location;
let partials: readonly PartialManifest[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-checker-"));
  partialsPath = parseLocation(join(root, "partials"));
  const options = { partialsPath, tempFolder: join(root, "tmp"), reduce: {} };
  const recipes = [0, 1].map((shard) => ({ shard, rows: `SELECT range AS k FROM range(${shard + 2})` }));
  partials = await writePartials(options, recipes);
});

afterEach(() => rm(root, { recursive: true, force: true }));

/** Returns a thread script that runs this code for each message. */
async function aScript(onMessage: string): Promise<URL> {
  const path = join(root, "thread.mjs");
  const source = `import { parentPort } from "node:worker_threads";\nparentPort.on("message", () => { ${onMessage} });`;
  await writeFile(path, source);
  return pathToFileURL(path);
}

test("the checker thread reports which partials differ from their manifests", async () => {
  await using checker = new CheckerThreadClient({ partials: partialsPath, shape: SHAPE });
  expect(await checker.check(partials)).toEqual([null, null]);
  const [good, other] = partials;
  if (good === undefined || other === undefined) throw new Error("expected two partials");
  const bad = { ...other, digest: aDigest("0".repeat(64)) };
  const [first, second] = await checker.check([good, bad]);
  expect(first).toBeNull();
  expect(second).toMatchObject({ code: "PARTIAL_INVALID", fields: { shard: 1, digest: bad.digest } });
});

test("checkers one after another use one thread, each for its own partials", async () => {
  const started: unknown[] = [];
  const onThread = (thread: Worker) => started.push(thread);
  const check = async (shape: PartialRules) => {
    await using checker = new CheckerThreadClient({ partials: partialsPath, shape });
    return (await checker.check(partials)).map((finding) => finding?.code ?? null);
  };
  await check(SHAPE);
  process.on("worker", onThread);
  const found = [await check({ ...SHAPE, rowsFormat: "none" }), await check(SHAPE), await check(SHAPE)];
  process.off("worker", onThread);
  expect(found).toEqual([
    ["PARTIAL_INVALID", "PARTIAL_INVALID"],
    [null, null],
    [null, null],
  ]);
  expect(started).toEqual([]);
});

test.for([
  ["exits", "process.exit(3)", "exit code 3"],
  ["throws", "throw new Error('no')", "failed: no"],
  // Small objects, step by step. When a heap fills at once, or with larger objects, Node 24 aborts the whole
  // process.
  [
    "runs out of memory",
    "const all = []; setInterval(() => { for (let n = 0; n < 1e5; n += 1) all.push({ place: [n] }); }, 0)",
    "memory",
  ],
] as const)(
  "if the thread %s, the check fails and so does every later check",
  async ([, onMessage, says]) => {
    await using checker = new CheckerThreadClient(
      { partials: partialsPath, shape: SHAPE },
      { script: await aScript(onMessage) },
    );
    await expect(checker.check(partials)).rejects.toThrow(says);
    await expect(checker.check(partials)).rejects.toThrow(says);
  },
);

test("a thread that does not answer within the time limit is ended, and every check fails", async () => {
  const script = await aScript("for (;;);");
  const started = once(process, "worker");
  await using checker = new CheckerThreadClient(
    { partials: partialsPath, shape: SHAPE },
    { script, limitMs: 20 },
  );
  const [thread] = (await started) as [Worker];
  const ended = once(thread, "exit");
  await expect(checker.check(partials)).rejects.toThrow("did not answer");
  await ended;
  await expect(checker.check(partials)).rejects.toThrow("did not answer");
});
