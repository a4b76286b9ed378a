import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { Lock } from "../../../../shared/core/lock.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { createCoordinatorStorage } from "../../../../shared/storage/coordinator.ts";
import { FetchProgress } from "../../../../shared/storage/fetch-progress.ts";
import type { CopiesPlace } from "../../../../shared/storage/local-copy.ts";
import type { DataService } from "../../../../shared/wire/services.ts";
import { openLocalModel } from "../../../../worker/job/local-model.ts";
import { aJobId } from "../../../support/ids.ts";

let scratchPath = "";

beforeEach(async () => {
  scratchPath = await mkdtemp(join(tmpdir(), "shardmill-model-"));
});

afterEach(() => rm(scratchPath, { recursive: true, force: true }));

/** More than one piece, in which each byte depends on its place. */
const MODEL = Buffer.from(Array.from({ length: (8 << 20) + 5 }, (_, at) => at % 251));

/** Returns a coordinator that first reports itself busy some times, and then serves the file. */
function aCoordinator(file: Buffer, refusals = 0, onRead = () => {}) {
  let left = refusals;
  const data: Pick<DataService, "readRange"> = {
    async *readRange({ path, start, end }) {
      if (left > 0) {
        left -= 1;
        throw new ShardmillError("RESOURCE_EXHAUSTED", "too many downloads at once");
      }
      const found = file.subarray(start, end);
      if (found.length < end - start) {
        const fields = { path, expected: end, found: file.length };
        throw new ShardmillError("STORE_FAILED", "it ends too early", { fields });
      }
      onRead();
      yield found;
    },
  };
  return createCoordinatorStorage({
    data: data as DataService,
    session: () => workerSession("s1"),
    jobId: aJobId("j1"),
  });
}

function fetched(
  coordinator: ReturnType<typeof aCoordinator>,
  { progress, ...shared }: { progress?: FetchProgress } & Omit<CopiesPlace, "path"> = {},
) {
  const signature = { inputs: [], outputs: [], unusable: [] };
  const model = {
    path: parseLocation("/far/model.onnx"),
    sha256: sha256(MODEL),
    bytes: MODEL.length,
    externalData: [],
    signature,
  };
  const copies = { path: scratchPath, ...shared };
  return openLocalModel(model, { from: ["coordinator"], coordinator, copies, progress });
}

test("a model that is not visible here is fetched whole, also from a busy coordinator", async () => {
  const { path } = await fetched(aCoordinator(MODEL, 2));
  expect(MODEL.equals(await readFile(path))).toBe(true);
});

test("the progress of a fetch has the number of bytes that arrived", async () => {
  const seen: string[] = [];
  class Seen extends FetchProgress {
    override came(bytes: number): void {
      super.came(bytes);
      const { bytes: here, totalBytes } = this.now() ?? {};
      seen.push(`${here} of ${totalBytes}`);
    }
  }
  await fetched(aCoordinator(MODEL), { progress: new Seen({ nowMs: () => 0 }) });
  expect(seen).toEqual([`${8 << 20} of ${MODEL.length}`, "undefined of undefined"]);
});

test("one of several concurrent fetches into a folder reads the model, and the others reuse it", async () => {
  const lock = new Lock();
  const names: string[] = [];
  const takeTurn = (name: string) => {
    names.push(name);
    return lock.enter(NEVER);
  };
  let reads = 0;
  const coordinator = aCoordinator(MODEL, 0, () => {
    reads += 1;
  });
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => fetched(coordinator, { takeTurn })));
  expect([b?.path, c?.path]).toEqual([a?.path, a?.path]);
  expect(MODEL.equals(await readFile(a?.path ?? ""))).toBe(true);
  expect([new Set(names).size, names.length, reads]).toEqual([1, 3, 2]);
  await fetched(coordinator, { takeTurn });
  expect([names.length, reads]).toEqual([3, 2]);
});

test("if one fetch into a shared folder fails, the next waiting fetch runs", async () => {
  const lock = new Lock();
  const takeTurn = () => lock.enter(NEVER);
  const failing = fetched(aCoordinator(MODEL.subarray(0, 5)), { takeTurn });
  const other = fetched(aCoordinator(MODEL), { takeTurn });
  await expect(failing).rejects.toMatchObject({ code: "MODEL_CHANGED" });
  expect(MODEL.equals(await readFile((await other).path))).toBe(true);
});

test("a model that was cut or replaced after planning fails with MODEL_CHANGED and leaves no file", async () => {
  const other = Buffer.from(MODEL).fill(255, MODEL.length - 1);
  for (const file of [MODEL.subarray(0, 5), other])
    await expect(fetched(aCoordinator(file))).rejects.toMatchObject({ code: "MODEL_CHANGED" });
  expect(await readdir(scratchPath)).toEqual([]);
});

test("a copy without users is removed, and fetched again when it is needed", async () => {
  const places = ["one", "other"].map((name) => ({ ownPath: join(scratchPath, name) }));
  let reads = 0;
  const coordinator = aCoordinator(MODEL, 0, () => {
    reads += 1;
  });
  const [one, other] = [await fetched(coordinator, places[0]), await fetched(coordinator, places[1])];
  await one.release();
  expect(MODEL.equals(await readFile(other.path))).toBe(true);
  await other.release();
  expect((await readdir(scratchPath)).sort()).toEqual(["one", "other"]);
  expect(reads).toBe(2);
  const again = await fetched(coordinator, places[0]);
  expect(MODEL.equals(await readFile(again.path))).toBe(true);
  expect(reads).toBe(4);
});
