import { sleep } from "../shared/core/abort.ts";
import { compiledUrl } from "../shared/core/package-root.ts";
import type { Lease } from "../shared/domain/job.ts";
import type { ShardRunner } from "../worker/lease/shard-runner.ts";
import { serveSupervisor } from "../worker/process/serve-supervisor.ts";
import { startWorker } from "../worker/process/worker-main.ts";

/** What is wrong with a worker: told through its environment, SHARDMILL_MISBEHAVIOUR. */
export type Misbehaviour =
  /** Its process dies of one row of the dataset, as of a bug in a native library. */
  | { readonly kind: "diesOfRow"; readonly row: number }
  /** Every shard takes it so much longer; it renews its leases all the while. */
  | { readonly kind: "slow"; readonly ms: number }
  /** Its device gives numbers that are not the model's: see wrong-lane.ts. */
  | { readonly kind: "wrongNumbers" };

const wrong: Misbehaviour = JSON.parse(process.env.SHARDMILL_MISBEHAVIOUR ?? "null");

/**
 * The real worker around a runner that misbehaves: its supervisor, leases, partials and calls are the usual
 * ones.
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
