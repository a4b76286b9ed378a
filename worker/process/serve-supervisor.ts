import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import type { CopiesPlace } from "../../shared/storage/local-copy.ts";
import type { WorkerEnd } from "./worker.ts";
import type { SupervisorMethods, WorkerNews, WorkerProcessMethods, WorkerTask } from "./worker-protocol.ts";

/** Function that runs a worker in this process. */
export type Work = (task: WorkerTask, context: WorkContext) => Promise<WorkerEnd>;

interface WorkContext {
  /** Aborts when the process must finish or release its shards. The worker may abort it, too. */
  readonly drain: AbortController;
  readonly emit: (news: WorkerNews) => void;
  readonly takeTurn: NonNullable<CopiesPlace["takeTurn"]>;
}

/**
 * Serves the supervisor that started this process: drains on request, ends with it, and takes turns from it.
 * Imports little, so that the supervisor gets errors of loading the worker's modules.
 */
export function serveSupervisor(loading: Promise<Work>): void {
  // The supervisor may not have called `work` yet.
  loading.catch(() => {});
  const drain = new AbortController();
  const drainFor = (gpuFault?: string) =>
    drain.abort(
      gpuFault === undefined
        ? new ShardmillError("INTERRUPTED", "the worker was asked to drain")
        : new ShardmillError("DEVICE_UNAVAILABLE", gpuFault),
    );
  const supervisor = serveOwner<WorkerProcessMethods, SupervisorMethods>({
    async work(task, { emit }) {
      const work = await loading;
      const takeTurn = async (name: string) => {
        await supervisor.call("takeTurn", name, { signal: NEVER });
        return () => supervisor.notify("endTurn", name);
      };
      return await work(task, { drain, emit, takeTurn });
    },
    drain: ({ gpuFault }) => drainFor(gpuFault),
  });
  process.on("SIGTERM", () => drainFor());
}
