import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DataServer, type DataServerOptions } from "../../coordinator/data/data-server.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { parseLocation, viaCoordinator } from "../../shared/domain/location.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import { createCoordinatorStorage } from "../../shared/storage/coordinator.ts";
import { sourceOfLocalFile } from "../../shared/storage/local-file.ts";
import type { PutHeader } from "../../shared/wire/services.ts";
import { fakeServices } from "../support/fake-services.ts";
import { aJobId } from "../support/ids.ts";
import { collect, failureOf, wireRig } from "../support/wire-rig.ts";

const session = workerSession("s1");
const jobId = aJobId("j1");
const MIB = 1 << 20;
let root = "";
let input = "";
let partials = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-server-"));
  [input, partials] = [join(root, "a.parquet"), join(root, "partials")];
  await writeFile(input, pattern(3 * MIB + 17));
  await mkdir(partials);
});

afterEach(() => rm(root, { recursive: true, force: true }));

const far = (path: string) => viaCoordinator(parseLocation(path));

function server(limits: DataServerOptions["limits"] = {}): DataServer {
  return new DataServer({
    knowsSession: (known) => known === session,
    job: (requested) =>
      requested === jobId
        ? {
            stores: NO_STORES,
            inputPaths: new Set([parseLocation(input)]),
            modelPaths: new Set([parseLocation(join(root, "model.onnx"))]),
            partialsPath: parseLocation(partials),
            spoolPath: `${partials}-spool`,
            checkUpload: () => {},
          }
        : null,
    limits,
  });
}

/** Returns bytes that differ from their neighbours, so that a wrong offset is visible. */
function pattern(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
}

function aHeader(changes: Partial<PutHeader> = {}): PutHeader {
  return {
    session,
    jobId,
    shard: shardId(4),
    token: { generation: 2, sequence: 9 },
    executionId: asExecutionId("e1"),
    name: "rows.parquet",
    bytes: 6,
    ...changes,
  };
}

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

function put(to: DataServer, header: PutHeader, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  return to.putPartialFile(header, chunks, NEVER);
}

async function read(from: DataServer, start: number, end: number, path = input): Promise<Buffer> {
  const chunks = await collect(from.readRange({ session, jobId, path, start, end }, NEVER));
  for (const { length } of chunks) expect(length).toBeLessThanOrEqual(MIB);
  return Buffer.concat(chunks);
}

/** Returns every file below the partials folder, including leftovers. */
async function storedFiles(): Promise<string[]> {
  const entries = await readdir(partials, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe("a read from the data server", () => {
  test("returns exactly the bytes of the range, in chunks of at most 1 MiB", async () => {
    const whole = await readFile(input);
    for (const [start, end] of [
      [0, whole.length],
      [1, 2 * MIB + 3],
      [whole.length - 1, whole.length],
      [5, 5],
    ] as const) {
      expect((await read(server(), start, end)).equals(whole.subarray(start, end))).toBe(true);
    }
    expect(await server().statFile(session, jobId, input, NEVER)).toMatchObject({ bytes: whole.length });
  });

  test.each([
    ["a path next to the input", () => join(root, "b.parquet")],
    ["a path that leads back to the input", () => `${root}/x/../a.parquet`],
    ["a partial", () => join(partials, "4-2.9-e1", "rows.parquet")],
    ["the password file", () => "/etc/passwd"],
    ["an empty path", () => ""],
  ])("is refused for %s", async (_what, path) => {
    const refused = { code: "STORE_REFUSED" };
    expect(await failureOf(server().statFile(session, jobId, path(), NEVER))).toMatchObject(refused);
    expect(await failureOf(read(server(), 0, 1, path()))).toMatchObject(refused);
  });

  test("fails when the file is missing or truncated", async () => {
    expect(await failureOf(read(server(), 0, 1, join(root, "model.onnx")))).toMatchObject({
      code: "STORE_NOT_FOUND",
    });
    await truncate(input, 10);
    expect(await failureOf(read(server(), 0, 11))).toMatchObject({
      code: "STORE_FAILED",
      fields: { expected: 11, found: 10 },
    });
  });

  test("is refused for an unknown session or job, as is a put", async () => {
    const stranger = workerSession("s0");
    const asStranger = server().statFile(stranger, jobId, input, NEVER);
    expect(await failureOf(asStranger)).toMatchObject({ code: "SESSION_STALE" });
    const ofOther = server().statFile(session, aJobId("j2"), input, NEVER);
    expect(await failureOf(ofOther)).toMatchObject({ code: "JOB_NOT_FOUND" });
    const putToOther = put(server(), aHeader({ jobId: aJobId("j2") }), pieces());
    expect(await failureOf(putToOther)).toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  test("frees its place when the reader stops early", async () => {
    const one = server({ reads: 1, waiting: 0 });
    const requested = { session, jobId, path: input, start: 0, end: MIB };
    for (let i = 0; i < 3; i += 1) {
      for await (const _chunk of one.readRange(requested, NEVER)) break;
    }
    const [first] = [one.readRange(requested, NEVER)];
    await first?.next();
    expect(await failureOf(read(one, 0, 1))).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    await first?.return();
    expect(await read(one, 0, 1)).toHaveLength(1);
  });
});

describe("a put to the data server", () => {
  test("stores the bytes in the partial's folder, and no other file", async () => {
    await put(server(), aHeader(), pieces("abc", "", "def"));
    const path = join(partials, "4-2.9-e1", "rows.parquet");
    expect(await storedFiles()).toEqual([path]);
    expect(await readFile(path, "utf8")).toBe("abcdef");
  });

  test("succeeds again with the same bytes, and with others fails with STORE_EXISTS and changes nothing", async () => {
    await put(server(), aHeader(), pieces("abcdef"));
    await put(server(), aHeader(), pieces("abcdef"));
    for (const [bytes, text] of [
      [6, "ABCDEF"],
      [3, "abc"],
    ] as const) {
      expect(await failureOf(put(server(), aHeader({ bytes }), pieces(text)))).toMatchObject({
        code: "STORE_EXISTS",
      });
    }
    const [path = "", ...others] = await storedFiles();
    expect(others).toEqual([]);
    expect(await readFile(path, "utf8")).toBe("abcdef");
  });

  test("stores one whole file when two send the same file at once", async () => {
    const both = server();
    const outcomes = await Promise.all(
      ["abcdef", "ABCDEF"].map((text) => put(both, aHeader(), pieces(text)).catch((error: unknown) => error)),
    );
    expect(outcomes).toContain(undefined);
    expect(outcomes).toContainEqual(expect.objectContaining({ code: "STORE_EXISTS" }));
    expect(await storedFiles()).toHaveLength(1);
  });

  test.each([
    ["too few bytes", pieces("abc")],
    ["too many bytes", pieces("abcdef", "g")],
  ])("stores nothing when it sends %s", async (_what, chunks) => {
    expect(await failureOf(put(server(), aHeader(), chunks))).toMatchObject({ code: "STORE_FAILED" });
    expect(await storedFiles()).toEqual([]);
  });

  test("stores nothing when it is cancelled", async () => {
    const caller = new AbortController();
    const reason = new Error("gone");
    const cancelled = (async function* () {
      yield Buffer.from("abc");
      caller.abort(reason);
      yield Buffer.from("def");
    })();
    expect(await failureOf(server().putPartialFile(aHeader(), cancelled, caller.signal))).toBe(reason);
    expect(await storedFiles()).toEqual([]);
  });

  test.each([
    { name: "../rows.parquet" },
    { name: "a/rows.parquet" },
    { name: "rows.parquet\0" },
    { name: "rows.exe" },
    { name: "combined-../x.parquet" },
    { name: "" },
    { executionId: asExecutionId("../../e1") },
    { executionId: asExecutionId("e1/x") },
    { executionId: asExecutionId("") },
    { bytes: 2 ** 40 },
  ])("is refused for %o and creates no folder", async (changes) => {
    expect(await failureOf(put(server(), aHeader(changes), pieces("abcdef")))).toMatchObject({
      code: "STORE_REFUSED",
    });
    expect(await readdir(partials)).toEqual([]);
  });

  test.each(["rows.arrow", "scan.parquet", "errors.parquet", "combined-per_label.parquet"])(
    "accepts %s as a file of a partial",
    async (name) => {
      await put(server(), aHeader({ name }), pieces("abcdef"));
      expect(await storedFiles()).toEqual([join(partials, "4-2.9-e1", name)]);
    },
  );
});

describe("the data server over gRPC", () => {
  test("lets a worker read ranges and put a partial as with local files", async () => {
    await using rig = await wireRig({ ...fakeServices(), data: server() });
    const storage = createCoordinatorStorage({ data: rig.client.data, session: () => session, jobId });
    const whole = await readFile(input);
    expect(await storage.stat(far(input), NEVER)).toMatchObject({ bytes: whole.length });
    const ranges = await Promise.all(
      [0, 1, 2].map((i) => storage.read(far(input), i * MIB, i * MIB + MIB + 17, { signal: NEVER })),
    );
    for (const [i, bytes] of ranges.entries()) {
      expect(whole.subarray(i * MIB, i * MIB + MIB + 17).equals(bytes)).toBe(true);
      // A separate buffer, which can be transferred to another thread.
      expect(bytes.buffer.byteLength).toBe(bytes.length);
    }
    const path = join(partials, "4-2.9-e1", "errors.parquet");
    const source = await sourceOfLocalFile(input);
    await storage.put(far(path), source, { ifAbsent: true, signal: NEVER });
    await storage.put(far(path), source, { ifAbsent: true, signal: NEVER });
    expect(sha256(await readFile(path))).toBe(sha256(whole));
    const stray = storage.put(far(join(partials, "latest", "errors.parquet")), source, {
      ifAbsent: true,
      signal: NEVER,
    });
    expect(await failureOf(stray)).toMatchObject({ code: "STORE_REFUSED" });
    expect(await failureOf(storage.read(far(input), 0, whole.length + 1, { signal: NEVER }))).toMatchObject({
      code: "STORE_FAILED",
    });
  });

  test("stores no file for an interrupted upload", async () => {
    await using rig = await wireRig({ ...fakeServices(), data: server() });
    const caller = new AbortController();
    const reason = new Error("drain");
    const cut = (async function* () {
      yield pattern(MIB);
      await waitForFile();
      caller.abort(reason);
      yield pattern(MIB);
    })();
    const put = rig.client.data.putPartialFile(aHeader({ bytes: 2 * MIB }), cut, caller.signal);
    expect(await failureOf(put)).toBe(reason);
    await waitForNoFile();
    expect(await storedFiles()).toEqual([]);
  });

  test("fails with STORE_FAILED, the cause and a hint when it cannot be reached", async () => {
    const rig = await wireRig({ ...fakeServices(), data: server() });
    const storage = createCoordinatorStorage({ data: rig.client.data, session: () => session, jobId });
    await rig.server.close(0);
    expect(await failureOf(storage.read(far(input), 0, 1, { signal: NEVER }))).toMatchObject({
      code: "STORE_FAILED",
      fields: { path: input, because: "COORDINATOR_UNREACHABLE" },
      hint: expect.stringContaining("shardmill coordinator"),
    });
    rig.client.close();
  });
});

async function waitForFile(): Promise<void> {
  while ((await storedFiles()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function waitForNoFile(): Promise<void> {
  while ((await storedFiles()).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}
