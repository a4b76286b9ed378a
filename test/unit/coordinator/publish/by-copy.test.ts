import { expect, test } from "vitest";
import { buildManifest, layOutParts } from "../../../../coordinator/publish/layout.ts";
import { publishOutput } from "../../../../coordinator/publish/publish.ts";
import { manifestText } from "../../../../coordinator/publish/read-manifest.ts";
import { stageOutput } from "../../../../coordinator/publish/stage.ts";
import { type WorkPaths, withRun, workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import { below } from "../../../../shared/domain/location.ts";
import type { OutputManifest } from "../../../../shared/domain/manifest.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import { partialFolder } from "../../../../shared/domain/partial.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { MemoryStorage, type StorageCall } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { readText } from "../../../../shared/storage/whole-file.ts";
import { aPartialManifest, rowCounts } from "../../../support/builders.ts";
import { aDigest, aJobId, jobDigests } from "../../../support/ids.ts";

const PATHS = workPaths("/out");
const SHARDS = 3;
const { signal } = new AbortController();

function aPartial(shard: number): { readonly partial: PartialManifest; readonly text: string } {
  const text = `the row of shard ${shard}`;
  const files = [
    { kind: "rows", name: "rows.parquet", rows: 1, bytes: text.length, sha256: sha256(text) },
  ] as const;
  const token = { generation: 1, sequence: shard + 1 };
  const partial = aPartialManifest({
    shard: shardId(shard),
    token,
    executionId: asExecutionId(`e${shard}`),
    files,
  });
  return { partial, text };
}

const PARTIALS = Array.from({ length: SHARDS }, (_, shard) => aPartial(shard));

/** A bucket with committed partials, which can break at one of the next calls. */
class BreakingBucket {
  readonly storage: MemoryStorage;
  #untilBreak = Number.POSITIVE_INFINITY;

  constructor() {
    this.storage = new MemoryStorage({ before: (call) => this.#called(call) });
  }

  async fill(): Promise<void> {
    for (const { partial, text } of PARTIALS) {
      const location = below(PATHS.partials, partialFolder(partial), "rows.parquet");
      await this.storage.put(location, sourceOfBytes(text), { signal });
    }
  }

  breakAt(call: number): void {
    this.#untilBreak = call;
  }

  before: (call: StorageCall) => void = () => {};

  async #called(requested: StorageCall): Promise<void> {
    const { call } = requested;
    this.before(requested);
    this.#untilBreak -= 1;
    if (this.#untilBreak === 0) throw new Error(`the process exited at ${call}`);
  }
}

interface StageOptions {
  readonly partials?: typeof PARTIALS;
  readonly confirm?: () => Promise<void>;
  readonly inputFiles?: OutputManifest["inputFiles"];
  readonly paths?: WorkPaths;
}

async function stageAndPublish(
  { storage }: Pick<BreakingBucket, "storage">,
  { partials = PARTIALS, confirm = async () => {}, inputFiles = null, paths = PATHS }: StageOptions = {},
): Promise<void> {
  const staged = await stageOutput({
    facts: () => ({
      job: { id: aJobId("j1"), name: "digits" },
      digests: { spec: aDigest("s"), input: aDigest("i"), model: aDigest("m") },
      run: {
        ...NO_RUN,
        rowsTotal: partials.length,
        shardsCommitted: partials.length,
        attempts: partials.length,
      },
      builds: [],
      versions: {},
      inputFiles,
    }),
    partials: partials.map(({ partial }) => partial),
    paths,
    reduced: [],
    poisoned: [],
    keep: [],
    storage,
    signal,
  });
  await publishOutput({ paths, storage, staged, confirm });
}

/** Returns what readers find by the manifest: all of its files, or null. */
async function published({ storage }: BreakingBucket): Promise<string[] | null> {
  const path = below(PATHS.output, "_manifest.json");
  if ((await storage.kindAt(path, signal)) === null) return null;
  const { files } = JSON.parse(await readText(storage, path, signal)) as { files: { path: string }[] };
  return await Promise.all(files.map((file) => readText(storage, below(PATHS.output, file.path), signal)));
}

const WHOLE = PARTIALS.map(({ text }) => text);

test("whichever call a process exits at, readers see all files or none, and the next process completes it", async () => {
  let calls = 0;
  for (let isOver = false; !isOver; ) {
    calls += 1;
    const bucket = new BreakingBucket();
    await bucket.fill();
    bucket.breakAt(calls);
    const outcome = await stageAndPublish(bucket).then(
      () => "published",
      () => "lost",
    );
    bucket.breakAt(Number.POSITIVE_INFINITY);
    const seen = await published(bucket);
    if (seen !== null) expect(seen).toEqual(WHOLE);
    isOver = outcome === "published";
    if (isOver) expect(seen).toEqual(WHOLE);
    await stageAndPublish(bucket);
    expect(await published(bucket)).toEqual(WHOLE);
  }
  expect(calls).toBeGreaterThan(20);
});

test("a foreign file under a name of the output is refused and not changed", async () => {
  const bucket = new BreakingBucket();
  await bucket.fill();
  const taken = below(PATHS.output, "rows/part-00001.parquet");
  await bucket.storage.put(taken, sourceOfBytes("x".repeat(WHOLE[1]?.length ?? 0)), { signal });
  await expect(stageAndPublish(bucket)).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
  expect(await readText(bucket.storage, taken, signal)).toMatch(/^x+$/);
  expect(await published(bucket)).toBeNull();
});

test("a manifest that another process has written is never replaced", async () => {
  const bucket = new BreakingBucket();
  await bucket.fill();
  const path = below(PATHS.output, "_manifest.json");
  const parts = layOutParts(
    PARTIALS.slice(1).map(({ partial }) => partial),
    0,
  );
  const counts = rowCounts(2);
  const facts = {
    job: { id: aJobId("j2"), name: "other" },
    digests: jobDigests("s", "i", "m"),
    run: { ...NO_RUN, rowsTotal: 2, shardsCommitted: 2, attempts: 2 },
    builds: [],
    versions: {},
    counts,
  };
  const text = manifestText(
    buildManifest(
      facts,
      parts.map(({ output }) => output),
    ),
  );
  await bucket.storage.put(path, sourceOfBytes(text), { signal });
  await expect(stageAndPublish(bucket)).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
  // Another machine has done a run over the new files. The next run takes the remaining ones.
  await expect(stageAndPublish(bucket, { inputFiles: [] })).rejects.toMatchObject({
    code: "RUN_PUBLISHED",
    hint: expect.stringContaining("run again"),
  });
  expect(await readText(bucket.storage, path, signal)).toBe(text);
});

test.each([
  ["of a job", null, "OUTPUT_OCCUPIED"],
  ["of a run over new files", [], "RUN_PUBLISHED"],
] as const)(
  "an output %s that another coordinator announced is published, and this coordinator is refused",
  async (_what, inputFiles, code) => {
    const bucket = new BreakingBucket();
    const [theirs, ours] = ["run-0000000000000001", "run-0000000000000002"].map((run) => withRun(PATHS, run));
    if (theirs === undefined || ours === undefined) throw new Error("expected two runs");
    for (const { partials } of [theirs, ours])
      for (const { partial, text } of PARTIALS)
        await bucket.storage.put(
          below(partials, partialFolder(partial), "rows.parquet"),
          sourceOfBytes(text),
          { signal },
        );
    // The process exits after its announcement.
    const died = new Error("the process exited");
    bucket.before = ({ call, location }) => {
      if (call === "copy" || location.includes("/rows/part-")) throw died;
    };
    await expect(stageAndPublish(bucket, { paths: theirs, inputFiles })).rejects.toThrow();
    bucket.before = () => {};
    const others = { partials: PARTIALS.slice(1), paths: ours, inputFiles };
    await expect(stageAndPublish(bucket, others)).rejects.toMatchObject({ code });
    expect(await published(bucket)).toEqual(WHOLE);
  },
);

test("a coordinator that loses its lock between two copies stops copying", async () => {
  const partials = Array.from({ length: 100 }, (_, shard) => aPartial(shard));
  let copies = 0;
  const storage = new MemoryStorage({
    before: async ({ call }) => {
      if (call === "copy") copies += 1;
    },
  });
  for (const { partial, text } of partials) {
    await storage.put(below(PATHS.partials, partialFolder(partial), "rows.parquet"), sourceOfBytes(text), {
      signal,
    });
  }
  const confirm = async () => {
    if (copies > 0) throw new ShardmillError("OUTPUT_LOCKED", "another coordinator has the lock");
  };
  await expect(stageAndPublish({ storage }, { partials, confirm })).rejects.toMatchObject({
    code: "OUTPUT_LOCKED",
  });
  expect(copies).toBeGreaterThan(0);
  expect(copies).toBeLessThan(50);
});

test("a coordinator that loses its lock before it writes the intent does not write it", async () => {
  const bucket = new BreakingBucket();
  await bucket.fill();
  let requested = 0;
  const confirm = async () => {
    requested += 1;
    if (requested > 1) throw new ShardmillError("OUTPUT_LOCKED", "another coordinator has the lock");
  };
  await expect(stageAndPublish(bucket, { confirm })).rejects.toMatchObject({ code: "OUTPUT_LOCKED" });
  expect(await bucket.storage.kindAt(PATHS.publishing, signal)).toBeNull();
});

test("an output fails with OUTPUT_FAILED if the store cannot confirm the lock", async () => {
  const bucket = new BreakingBucket();
  await bucket.fill();
  const confirm = async () => {
    throw new ShardmillError("STORE_FAILED", "the connection broke");
  };
  await expect(stageAndPublish(bucket, { confirm })).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
});

test("a copy with wrong bytes is removed, and the next publish succeeds", async () => {
  const bucket = new BreakingBucket();
  await bucket.fill();
  const { storage } = bucket;
  const copy = storage.copy.bind(storage);
  storage.copy = async (_from, to) => void (await storage.put(to, sourceOfBytes("garbled"), { signal }));
  await expect(stageAndPublish(bucket)).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  expect(await storage.kindAt(below(PATHS.output, "rows"), signal)).toBeNull();
  storage.copy = copy;
  await stageAndPublish(bucket);
  expect(await published(bucket)).toEqual(WHOLE);
});

test.each([
  ["its folder is listed", 2],
  ["the manifest is written", 3],
])("a file that is missing when %s is detected, and no manifest is written", async (_when, at) => {
  const bucket = new BreakingBucket();
  await bucket.fill();
  const { storage } = bucket;
  const gone = below(PATHS.output, "rows/part-00001.parquet");
  const kindAt = storage.kindAt.bind(storage);
  let looks = 0;
  // Each listing of the folder begins with a check of its kind.
  storage.kindAt = async (location) => {
    if (location === below(PATHS.output, "rows") && ++looks === at) await storage.remove(gone, signal);
    return await kindAt(location, signal);
  };
  await expect(stageAndPublish(bucket)).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    fields: { path: gone },
  });
  expect(looks).toBe(at);
  expect(await published(bucket)).toBeNull();
  await stageAndPublish(bucket);
  expect(await published(bucket)).toEqual(WHOLE);
});
