import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataServer } from "../../coordinator/data/data-server.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { atCoordinator, below, parseLocation, viaCoordinator } from "../../shared/domain/location.ts";
import { partialFolder } from "../../shared/domain/partial.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import { createCoordinatorStorage } from "../../shared/storage/coordinator.ts";
import { fakeServices } from "../support/fake-services.ts";
import { aJobId } from "../support/ids.ts";
import { wireRig } from "../support/wire-rig.ts";
import { storageContract } from "./storage-contract.ts";

const session = workerSession("s1");

storageContract("the coordinator over gRPC", async () => {
  const root = parseLocation(await realpath(await mkdtemp(join(tmpdir(), "shardmill-coordinator-store-"))));
  const [inputPath, partialsPath] = [below(root, "a.parquet"), below(root, "partials")];
  const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 253);
  await writeFile(inputPath, bytes);
  await mkdir(partialsPath);
  const server = new DataServer({
    knowsSession: (known) => known === session,
    job: (jobId) =>
      jobId === "j1"
        ? {
            stores: NO_STORES,
            inputPaths: new Set([inputPath]),
            modelPaths: new Set([below(root, "model.onnx")]),
            partialsPath,
            spoolPath: join(root, "spool"),
            checkUpload: () => {},
          }
        : null,
  });
  const rig = await wireRig({ ...fakeServices(), data: server });
  let partials = 0;
  return {
    storage: createCoordinatorStorage({ data: rig.client.data, session: () => session, jobId: aJobId("j1") }),
    existing: { location: viaCoordinator(inputPath), bytes },
    free() {
      partials += 1;
      const token = { generation: 1, sequence: partials };
      const folder = partialFolder({ shard: shardId(3), token, executionId: asExecutionId("e1") });
      return viaCoordinator(below(partialsPath, folder, "rows.parquet"));
    },
    forbidden: viaCoordinator(below(root, "secret.txt")),
    bytesAt: (location) => readFile(atCoordinator(location)),
    async cleanup() {
      await rig[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
});
