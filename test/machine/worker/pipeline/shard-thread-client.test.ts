import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ShardmillError } from "../../../../shared/core/errors.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import { ShardThreadClient, startShardThread } from "../../../../worker/pipeline/shard-thread-client.ts";
import { aLease, anInputFile } from "../../../support/builders.ts";
import { failureOf } from "../../../support/wire-rig.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-client-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts a client whose thread runs this code for each command, instead of the shard thread. */
async function clientOf(name: string, body: string, broken: ShardmillError[]): Promise<ShardThreadClient> {
  const path = join(folder, `${name}.mjs`);
  const head = `import { parentPort } from "node:worker_threads";
const owner = (method, argument) => parentPort.postMessage({ kind: "call", id: null, method, argument });
parentPort.on("message", ({ kind, id, argument: command }) => {
  if (kind === "close") return parentPort.close();
  const emit = (event) => parentPort.postMessage({ kind: "event", id, event });
`;
  await writeFile(path, `${head}  ${body}\n});\n`);
  return new ShardThreadClient({
    onBusy: () => {},
    onBroken: (error) => void broken.push(error),
    // Long enough for a busy machine to start a thread within a few looks.
    lookMs: 100,
    closeLimitMs: 100,
    thread: startShardThread(pathToFileURL(path)),
  });
}

const options = { signal: new AbortController().signal, onProgress: () => {} };

test("a thread that hangs on a file is ended, and the error names the file", async () => {
  const broken: ShardmillError[] = [];
  await using client = await clientOf("loops", "for (;;);", broken);
  const corrupt = { code: "INPUT_CORRUPT", fields: { path: "/data/a.parquet", poisoned: true } };
  expect(await failureOf(client.run(aLease(), asExecutionId("e1"), options))).toMatchObject(corrupt);
  expect(broken).toMatchObject([corrupt]);
});

test("the error for a file on which a thread hangs names the format of the file", async () => {
  for (const [format, name] of Object.entries({ parquet: "Parquet", arrow: "Arrow" })) {
    await using client = await clientOf(format, "for (;;);", []);
    const file = anInputFile({ format });
    const lease = { ...aLease(), slices: [{ file, rowStart: 0, rowEnd: 100 }] };
    const expected = `what the ${name} format allows`;
    expect(await failureOf(client.run(lease, asExecutionId("e1"), options))).toMatchObject({
      fields: { expected },
    });
  }
});

test("a thread that reports that it is busy has no time limit", async () => {
  const broken: ShardmillError[] = [];
  const body =
    'const busy = setInterval(() => owner("busy", { shares: {} }), 20);' +
    'setTimeout(() => { clearInterval(busy); parentPort.postMessage({ kind: "done", id, value: { digest: "right" } }); }, 1500);';
  await using client = await clientOf("works", body, broken);
  expect(await client.run(aLease(), asExecutionId("e1"), options)).toEqual({ digest: "right" });
  expect(broken).toEqual([]);
});

/** Script that reports each shard's last file as started, and hangs on the second shard. */
const STUCK_ON_SECOND =
  'emit({ kind: "fileStarted", slice: command.lease.slices.length - 1 });' +
  "if (command.lease.token.sequence === 2) for (;;);";

test("a thread that hangs after it began two files blames neither, and fails with WORKER_LOST", async () => {
  const broken: ShardmillError[] = [];
  await using client = await clientOf("two-files", STUCK_ON_SECOND, broken);
  const one = aLease();
  const two = {
    ...one,
    token: { generation: 1, sequence: 2 },
    slices: [{ file: anInputFile({ path: "/data/b.parquet" }), rowStart: 0, rowEnd: 100 }],
  };
  const runs = [{ ...one, token: { generation: 1, sequence: 1 } }, two].map((lease) =>
    failureOf(client.run(lease, asExecutionId("e"), options)),
  );
  for (const failure of await Promise.all(runs)) expect(failure).toMatchObject({ code: "WORKER_LOST" });
  expect(broken).toMatchObject([{ code: "WORKER_LOST" }]);
});

test("a thread that hangs after two shards began the same file blames that file", async () => {
  const path = "/data/c.parquet";
  const last = { file: anInputFile({ path }), rowStart: 0, rowEnd: 100 };
  const one = { ...aLease(), slices: [...aLease().slices, last] };
  const corrupt = { code: "INPUT_CORRUPT", fields: { path, poisoned: true } };
  const first = { ...one, token: { generation: 1, sequence: 1 } };
  const second = { ...one, token: { generation: 1, sequence: 2 } };
  const broken: ShardmillError[] = [];
  await using same = await clientOf("one-file", STUCK_ON_SECOND, broken);
  const both = [first, second].map((lease) => failureOf(same.run(lease, asExecutionId("e"), options)));
  for (const failure of await Promise.all(both)) expect(failure).toMatchObject(corrupt);
});

test("closing ends a thread in an endless loop, and its shard fails with INTERRUPTED", async () => {
  const broken: ShardmillError[] = [];
  const client = await clientOf("closed-in-loop", "for (;;);", broken);
  const failure = failureOf(client.run(aLease(), asExecutionId("e1"), options));
  await client[Symbol.asyncDispose]();
  expect(await failure).toMatchObject({ code: "INTERRUPTED" });
  expect(broken).toEqual([]);
});
