import { startS3Server } from "../../test/support/s3-server.ts";
import { fetchServers } from "../stores/foreign-servers.ts";
import { INPUT_BUCKET, putInput } from "../stores/put-input.ts";
import { openSlowWay } from "../stores/slow-way.ts";
import type { Workload } from "../workloads/workload.ts";

/** Where all tools read the same input: a store of this machine. */
export interface PeerBucket extends AsyncDisposable {
  /** By which whoever reads from it finds it, and is let in. */
  readonly env: Readonly<Record<string, string>>;
  /** Puts the input of a workload there: where its folder is. */
  put(workload: Workload): Promise<string>;
}

/** @param latencyMs that each answer takes longer */
export async function openPeerBucket(latencyMs: number): Promise<PeerBucket> {
  process.env.SHARDMILL_FOREIGN = fetchServers();
  const server = await startS3Server();
  await server.makeBucket(INPUT_BUCKET);
  const way = await openSlowWay(server.env.AWS_ENDPOINT_URL ?? "", latencyMs);
  const storage = server.storage();
  return {
    env: { ...server.env, AWS_ENDPOINT_URL: way.endpoint },
    put: (workload) => putInput(workload, storage),
    async [Symbol.asyncDispose]() {
      await storage[Symbol.asyncDispose]();
      await way[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
