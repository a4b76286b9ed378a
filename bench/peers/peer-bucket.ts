import { startS3Server } from "../../test/support/s3-server.ts";
import { fetchServers } from "../stores/foreign-servers.ts";
import { INPUT_BUCKET, putInput } from "../stores/put-input.ts";
import { openSlowWay } from "../stores/slow-way.ts";
import type { Workload } from "../workloads/workload.ts";

/** Bucket on this machine from which all tools read the same input. */
export interface PeerBucket extends AsyncDisposable {
  /** Environment with the bucket's endpoint and credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** Uploads the input of a workload, and returns its folder. */
  put(workload: Workload): Promise<string>;
}

/** @param latencyMs delay added to each answer */
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
