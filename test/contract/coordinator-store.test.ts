import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataServer } from "../../coordinator/data/data-server.ts";
import { partialFolder } from "../../shared/domain/partial.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import { createCoordinatorStore } from "../../shared/wire/coordinator-store.ts";
import { fakeServices } from "../support/fake-services.ts";
import { wireRig } from "../support/wire-rig.ts";
import { storeContract } from "./store-contract.ts";

const session = workerSession("s1");

storeContract("the coordinator, over gRPC,", async () => {
  const root = await mkdtemp(join(tmpdir(), "shardmill-coordinator-store-"));
  const [inputPath, partialsPath] = [join(root, "a.parquet"), join(root, "partials")];
  const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 253);
  await writeFile(inputPath, bytes);
  await mkdir(partialsPath);
  const server = new DataServer({
    knowsSession: (known) => known === session,
    job: (jobId) =>
      jobId === "j1"
        ? {
            inputPaths: new Set([inputPath]),
            modelPaths: new Set([join(root, "model.onnx")]),
            partialsPath,
            checkUpload: () => {},
          }
        : null,
  });
  const rig = await wireRig({ ...fakeServices(), data: server });
  let partials = 0;
  return {
    store: createCoordinatorStore({ data: rig.client.data, session: () => session, jobId: "j1" }),
    existing: { path: inputPath, bytes },
    freePath() {
      partials += 1;
      const token = { generation: 1, sequence: partials };
      const folder = partialFolder({ shard: shardId(3), token, executionId: "e1" });
      return join(partialsPath, folder, "rows.parquet");
    },
    forbiddenPath: join(root, "secret.txt"),
    bytesAt: (path) => readFile(path),
    async cleanup() {
      await rig[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
});
