import { sleep } from "../shared/core/abort.ts";
import { compiledUrl } from "../shared/core/package-root.ts";
import type { Lease } from "../shared/domain/job.ts";
import type { ShardRunner } from "../worker/lease/shard-runner.ts";
import { serveSupervisor } from "../worker/process/serve-supervisor.ts";
import { startWorker } from "../worker/process/worker-main.ts";

/** Misbehaviour of a worker, from its environment variable SHARDMILL_MISBEHAVIOUR. */
export type Misbehaviour =
  /** The process exits at one row of the dataset, as by a bug in a native library. */
  | { readonly kind: "diesOfRow"; readonly row: number }
  /** Every shard takes this much longer, while the worker renews its leases. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The device computes wrong numbers: see wrong-lane.ts. */
  | { readonly kind: "wrongNumbers" };

const wrong: Misbehaviour = JSON.parse(process.env.SHARDMILL_MISBEHAVIOUR ?? "null");

/**
 * Wraps a runner so that it misbehaves. Supervisor, leases, partials and calls are those of the real worker.
 */
function misbehaving(runner: ShardRunner): ShardRunner {
  return {
    run: async (lease, executionId, options) => {
      if (wrong.kind === "diesOfRow" && hasRow(lease, wrong)) process.kill(process.pid, "SIGKILL");
      if (wrong.kind === "slow") await sleep(wrong.ms, options.signal);
      return runner.run(lease, executionId, options);
    },
  };
}

function hasRow({ shard }: Lease, { row }: { readonly row: number }): boolean {
  return shard.rowStart <= row && row < shard.rowEnd;
}

const worker = startWorker({
  runner: misbehaving,
  ...(wrong.kind === "wrongNumbers" ? { laneScript: compiledUrl("fault/wrong-lane.ts") } : {}),
});
serveSupervisor(Promise.resolve(worker));
