import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import type { CopiesPlace } from "../../shared/storage/local-copy.ts";
import type { WorkerEnd } from "./worker.ts";
import type { SupervisorMethods, WorkerNews, WorkerProcessMethods, WorkerTask } from "./worker-protocol.ts";

/** Runs a worker in this process. */
export type Work = (task: WorkerTask, context: WorkContext) => Promise<WorkerEnd>;

interface WorkContext {
  /** Aborts when the process shall finish or hand back its shards. The worker may abort it, too. */
  readonly drain: AbortController;
  readonly emit: (news: WorkerNews) => void;
  readonly takeTurn: NonNullable<CopiesPlace["takeTurn"]>;
}

/**
 * Serves the supervisor that started this process: it drains, it ends with it, and it takes its turns. Loads
 * little: the supervisor hears why a worker's modules cannot be loaded.
 */
export function serveSupervisor(loading: Promise<Work>): void {
  // Nobody may wait for it yet.
  loading.catch(() => {});
  const drain = new AbortController();
  const drainFor = (aside?: string) =>
    drain.abort(
      aside === undefined
        ? new ShardmillError("INTERRUPTED", "the worker is told to drain")
        : new ShardmillError("DEVICE_UNAVAILABLE", aside),
    );
  const supervisor = serveOwner<WorkerProcessMethods, SupervisorMethods>({
    async work(task, { emit }) {
      const work = await loading;
      const takeTurn = async (name: string) => {
        await supervisor.call("takeTurn", name, { signal: NEVER });
        return () => supervisor.tell("endTurn", name);
      };
      return await work(task, { drain, emit, takeTurn });
    },
    drain: ({ aside }) => drainFor(aside),
  });
  process.on("SIGTERM", () => drainFor());
}
