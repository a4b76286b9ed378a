import { ShardmillError } from "../../shared/core/errors.ts";
import type { Span, Tracer } from "../../shared/core/tracer.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { tokenKey } from "../../shared/domain/token.ts";
import type { StageShares } from "../../shared/domain/worker.ts";
import type { Registration, WorkService } from "../../shared/wire/services.ts";
import type { ShardRunner } from "./shard-runner.ts";

interface TracedOptions {
  readonly work: WorkService;
  readonly runner: ShardRunner;
  readonly tracer: Tracer;
  readonly worker: Pick<Registration, "name" | "device">;
  /** Returns the busy share of each stage, as last reported. */
  readonly busy: () => StageShares;
}

/**
 * Wraps a service and a runner to trace attempts. Each attempt has a span within the coordinator's span of
 * the job, with child spans `map` and `offer`. Shards are in several stages at once, so stages are recorded
 * as busy shares.
 */
export function tracedAttempts(
  options: TracedOptions,
): Pick<TracedOptions, "work" | "runner"> & { readonly over: () => void } {
  const { work, runner, tracer, busy } = options;
  /** Spans of attempts that are mapped, and whose offer has not succeeded, by execution. */
  const mapped = new Map<string, Span>();
  return {
    runner: {
      async run(lease, executionId, running) {
        const span = tracer.begin("attempt", lease.traceparent, factsOf(lease, options.worker));
        const map = tracer.begin("map", span.traceparent);
        try {
          const partial = await runner.run(lease, executionId, running);
          map.note(stageFacts(busy()));
          map.end();
          mapped.set(executionId, span);
          return partial;
        } catch (error) {
          map.end(error);
          span.end(error);
          throw error;
        }
      },
    },
    work: {
      ...work,
      // Called repeatedly while the coordinator is unreachable.
      async offerPartial(session, jobId, partial) {
        const span = mapped.get(partial.executionId);
        const offer = tracer.begin("offer", span?.traceparent ?? "");
        try {
          const answer = await work.offerPartial(session, jobId, partial, span?.traceparent);
          offer.end();
          span?.note({ "shardmill.answer": answer.kind, "shardmill.rows.out": partial.rowsOut });
          span?.end();
          mapped.delete(partial.executionId);
          return answer;
        } catch (error) {
          offer.end(error);
          throw error;
        }
      },
    },
    over: () => {
      for (const span of mapped.values()) span.end(new ShardmillError("INTERRUPTED", "the worker stops"));
    },
  };
}

function factsOf({ jobId, shard, token }: Lease, { name, device }: TracedOptions["worker"]) {
  return {
    "shardmill.job.id": jobId,
    "shardmill.shard": shard.id,
    "shardmill.token": tokenKey(token),
    "shardmill.rows": shardRows(shard),
    "shardmill.worker": name,
    "shardmill.device": device,
  };
}

function stageFacts(shares: StageShares) {
  return Object.fromEntries(
    Object.entries(shares).map(([stage, share]) => [`shardmill.busy.${stage}`, share] as const),
  );
}
