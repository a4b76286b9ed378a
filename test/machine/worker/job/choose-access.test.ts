import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemRandom } from "../../../../shared/core/random.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { chooseAccess, type JobFiles } from "../../../../worker/job/choose-access.ts";
import { sessionCell } from "../../../../worker/read/session-cell.ts";
import { aLease, anInputFile } from "../../../support/builders.ts";
import { needs } from "../../../support/needs.ts";

const COORDINATOR = {
  address: "node1:7433",
  credential: { path: "", secret: null },
  session: sessionCell(workerSession("0".repeat(24))),
};
const REMOTE = { kind: "coordinator", ...COORDINATOR };
const SHARED = { kind: "shared" };

let folder: string;
let job: JobFiles;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-access-"));
  const partialsPath = join(folder, "partials");
  await mkdir(partialsPath);
  await writeFile(join(partialsPath, "beacon"), "lit");
  await writeFile(join(folder, "a.parquet"), "12345");
  await writeFile(join(folder, "model.onnx"), "123");
  job = {
    stores: NO_STORES,
    partialsPath: parseLocation(partialsPath),
    beacon: { path: parseLocation(join(partialsPath, "beacon")), content: "lit" },
    model: { path: parseLocation(join(folder, "model.onnx")), bytes: 3, externalData: [] },
    map: { prepare: [], finish: [] },
    reductions: {},
    tables: {},
  };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const lease = (bytes: number) => {
  const file = anInputFile({ path: join(folder, "a.parquet"), bytes });
  return { ...aLease(), slices: [{ file, rowStart: 0, rowEnd: file.rows }] };
};

test("a worker reads local input first and asks the coordinator for the rest, even if a file differs", async () => {
  for (const bytes of [5, 6]) {
    expect(await chooseAccess("auto", job, lease(bytes), COORDINATOR)).toEqual({
      input: [SHARED, REMOTE],
      output: SHARED,
      model: ["shared", "coordinator"],
    });
  }
});

test("a worker without the beacon writes through the coordinator, and fetches a missing model from it", async () => {
  await writeFile(job.beacon.path, "another machine's");
  expect(await chooseAccess("auto", job, lease(5), COORDINATOR)).toMatchObject({ output: REMOTE });
  await rm(join(folder, "model.onnx"));
  expect(await chooseAccess("auto", job, lease(5), COORDINATOR)).toMatchObject({ model: ["coordinator"] });
});

test("`--data coordinator` uses only the coordinator, and `--data shared` uses only shared files", async () => {
  expect(await chooseAccess("coordinator", job, lease(5), COORDINATOR)).toEqual({
    input: [REMOTE],
    output: REMOTE,
    model: ["coordinator"],
  });
  expect(await chooseAccess("shared", job, lease(5), COORDINATOR)).toEqual({
    input: [SHARED],
    output: SHARED,
    model: ["shared"],
  });
});

test("a worker with `--data shared` is unfit if a file is missing, and the error names that file", async () => {
  for (const name of ["a.parquet", "model.onnx", "partials/beacon"]) {
    const path = join(folder, name);
    const kept = await readFile(path);
    await rm(path);
    const refused = chooseAccess("shared", job, lease(5), COORDINATOR);
    await expect(refused).rejects.toMatchObject({
      code: "WORKER_UNFIT",
      message: expect.stringContaining(`\`--data shared\`, but ${path} is not visible here: ENOENT`),
      fields: { path },
    });
    await writeFile(path, kept);
  }
});

test("a file of another size is left for its reader to report", async () => {
  expect(await chooseAccess("shared", job, lease(6), COORDINATOR)).toMatchObject({ input: [SHARED] });
});

needs("s3")(
  "a throttling store with `--data shared` fails with STORE_FAILED, and the worker stays fit",
  async () => {
    const busy = createHttpServer((_, response) => response.writeHead(503).end());
    await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
    const { port } = busy.address() as AddressInfo;
    const random = vi.spyOn(systemRandom, "unit").mockReturnValue(0);
    try {
      const settings = { "s3://": { endpoint: `http://127.0.0.1:${port}`, anonymous: true } };
      const file = anInputFile({ path: "s3://bucket/a.parquet", bytes: 5 });
      const ofStore = { ...aLease(), slices: [{ file, rowStart: 0, rowEnd: file.rows }] };
      const away = { ...job, stores: { ...NO_STORES, settings } };
      await expect(chooseAccess("shared", away, ofStore, COORDINATOR)).rejects.toMatchObject({
        code: "STORE_FAILED",
        fields: { throttled: true },
      });
    } finally {
      random.mockRestore();
      busy.close();
    }
  },
);

needs("s3")("a silent store is not waited for, and the worker uses the coordinator", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  const soon = AbortSignal.timeout(100);
  const limits = vi.spyOn(AbortSignal, "timeout").mockReturnValue(soon);
  try {
    const settings = { "s3://": { endpoint: `http://127.0.0.1:${port}`, anonymous: true } };
    const away: JobFiles = {
      ...job,
      stores: { ...NO_STORES, settings },
      partialsPath: parseLocation("s3://bucket/partials"),
      beacon: { path: parseLocation("s3://bucket/partials/beacon"), content: "lit" },
    };
    const file = anInputFile({ path: "s3://bucket/a.parquet", bytes: 5 });
    const ofStore = { ...aLease(), slices: [{ file, rowStart: 0, rowEnd: file.rows }] };
    const chosen = await chooseAccess("auto", away, ofStore, COORDINATOR);
    expect(chosen).toMatchObject({ input: [REMOTE, SHARED], output: REMOTE });
    expect(limits).toHaveBeenCalledWith(15_000);
  } finally {
    limits.mockRestore();
    silent.close();
  }
});
