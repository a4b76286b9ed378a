import { NEVER, sleep } from "../../shared/core/abort.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { workMethods } from "../../shared/wire/methods-work.ts";
import { BareConnection, type BareTarget } from "./bare-connection.ts";
import { bareRegistration } from "./bare-worker.ts";

const PROBE_EVERY_MS = 200;

/** Runs an idle worker that measures lease latency: takes a lease, releases it and reports the time. */
export async function probeLeases(
  target: BareTarget,
  name: string,
  found: (tookMs: number) => void,
): Promise<never> {
  for (;;) {
    let connection: BareConnection | null = null;
    try {
      connection = await BareConnection.open(target);
      const { session } = await connection.call(workMethods.register, bareRegistration(name, 1));
      for (;;) {
        const tookMs = await timeLease(connection, session);
        if (tookMs !== null) found(tookMs);
        await sleep(PROBE_EVERY_MS * (0.5 + Math.random()), NEVER);
      }
    } catch {
      // A lost probe reconnects. Probes send no heartbeats, because heartbeats are not measured here.
      connection?.close();
      await sleep(PROBE_EVERY_MS, NEVER);
    }
  }
}

/** Times one lease. Null: no lease was available at once. */
async function timeLease(connection: BareConnection, session: WorkerSession): Promise<number | null> {
  const startedMs = performance.now();
  const answer = await connection.call(workMethods.requestLease, { session, waitMs: 0, running: [] });
  const tookMs = performance.now() - startedMs;
  if (answer.kind !== "lease") return null;
  const { jobId, shard, token } = answer.lease;
  await connection.call(workMethods.releaseLease, { session, lease: { jobId, shard: shard.id, token } });
  return tookMs;
}
