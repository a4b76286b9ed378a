import { hostname } from "node:os";
import { buildVersion } from "../shared/core/package-root.ts";
import type { CoordinatorClient } from "../shared/wire/client.ts";
import { PROTOCOL_VERSION } from "../shared/wire/services.ts";

/** A worker that has nothing to do but to see how long a lease takes. */
export interface LoadProbe {
  /** Takes a lease, hands it back, and says how long the taking took; null when there was none at once. */
  lease(): Promise<number | null>;
}

export async function openProbe({ work }: CoordinatorClient, name: string): Promise<LoadProbe> {
  const { session } = await work.register({
    protocolVersion: PROTOCOL_VERSION,
    build: buildVersion,
    name,
    hostname: hostname(),
    pid: process.pid,
    device: "cpu",
    slots: 1,
    lanes: 1,
    threadsPerLane: 1,
    onnxruntimeVersion: "",
  });
  return {
    async lease() {
      const startedMs = performance.now();
      const answer = await work.requestLease(session, 0);
      const tookMs = performance.now() - startedMs;
      if (answer.kind !== "lease") return null;
      const { jobId, shard, token } = answer.lease;
      await work.releaseLease(session, { jobId, shard: shard.id, token });
      return tookMs;
    },
  };
}
