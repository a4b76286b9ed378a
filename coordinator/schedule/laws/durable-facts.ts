import type { DeadLetter, PartialManifest } from "../../../shared/domain/partial.ts";
import type { Shard } from "../../../shared/domain/shard.ts";
import type { Standing } from "../../../shared/domain/standing.ts";
import type { Token } from "../../../shared/domain/token.ts";
import type { AcceptedJob, JobState, Phase, Totals } from "../state/job-state.ts";
import { type AttemptEntry, type CountedFailure, isOpen, type ShardEntry } from "../state/shard-state.ts";

/** Facts that survive the coordinator, as plain data. States with equal facts are the same job. */
interface DurableFacts {
  readonly phase: Phase;
  readonly accepted: AcceptedJob | null;
  readonly standing: Standing;
  readonly totals: Totals;
  readonly mapping: string;
  readonly lastToken: Token | null;
  readonly shards: readonly {
    readonly shard: Shard;
    readonly parent: number | null;
    readonly outcome: string | PartialManifest | DeadLetter;
    readonly attempts: readonly AttemptEntry[];
    readonly failures: readonly CountedFailure[];
    readonly revocations: number;
    readonly forgottenUpTo: Token | null;
  }[];
}

export function durableFacts(state: JobState): DurableFacts {
  const { phase, accepted, standing, totals, mapping, lastToken } = state;
  return {
    phase,
    accepted,
    standing,
    totals: { ...totals },
    mapping,
    lastToken,
    shards: state.shards.map((entry) => ({
      shard: entry.shard,
      parent: entry.parent,
      outcome: outcomeOf(entry),
      attempts: entry.attempts,
      failures: entry.failures,
      revocations: entry.revocations,
      forgottenUpTo: entry.forgottenUpTo,
    })),
  };
}

/** Leases of an open shard are not durable, and are excluded. */
function outcomeOf({ state }: ShardEntry): string | PartialManifest | DeadLetter {
  if (isOpen(state.kind)) return "open";
  switch (state.kind) {
    case "committed":
      return state.partial;
    case "poisoned":
      return state.deadLetter;
    default:
      return state.kind;
  }
}
