import { isEnded } from "../../../shared/domain/job.ts";
import { SHARD_KINDS } from "../../../shared/domain/job-metrics.ts";
import { assertLaw } from "../../../shared/domain/laws.ts";
import { ROW_COUNTS, type RowCounts, RUN_COUNTS } from "../../../shared/domain/row-counts.ts";
import { shardRows } from "../../../shared/domain/shard.ts";
import { compareTokens } from "../../../shared/domain/token.ts";
import { type JobState, openShards, type QueueItem, type Totals } from "../state/job-state.ts";
import { committedPartials } from "../state/progress.ts";
import { inPlanOrder, leasesOf, type ShardEntry } from "../state/shard-state.ts";
import { checkShard } from "./invariants-shard.ts";

/**
 * Checks every law that a state shows, in O(shards). For tests, the simulator, and samples in production.
 *
 * @throws {BrokenLaw}
 */
export function checkInvariants(state: JobState): void {
  for (const entry of state.shards) checkShard(state, entry);
  checkCounts(state);
  checkPartition(state);
  checkCommits(state);
  checkWorkers(state);
  checkReputations(state);
  checkPhase(state);
  checkQueue(state);
}

/** Compares the counts, which each change updates, with a count over all shards. */
function checkCounts(state: JobState): void {
  for (const kind of SHARD_KINDS) {
    const found = state.shards.filter((entry) => entry.state.kind === kind).length;
    assertLaw(
      "counts-agree",
      state.counts[kind] === found,
      `${state.counts[kind]} shards ${kind}, found ${found}`,
    );
  }
  const partials = committedPartials(state);
  const checkTotal = (total: keyof Totals, count: keyof RowCounts, others = 0) => {
    const found = partials.reduce((rows, partial) => rows + partial[count], others);
    assertLaw(
      "counts-agree",
      state.totals[total] === found,
      `${total} is ${state.totals[total]}, found ${found}`,
    );
  };
  checkTotal("rowsCommitted", "rowsIn");
  checkTotal("deadLetters", "rowsDeadLettered", state.counts.poisoned);
  for (const name of RUN_COUNTS) checkTotal(ROW_COUNTS[name].run.total, name);
  const extra = state.shards.reduce((sum, entry) => sum + Math.max(0, leasesOf(entry.state).length - 1), 0);
  assertLaw("counts-agree", state.extraLeases === extra, `extra leases are ${extra}`);
  const committing = state.shards.filter((entry) => entry.state.kind === "committing");
  assertLaw(
    "counts-agree",
    committing.length === state.committing.size && committing.every((entry) => state.committing.has(entry)),
    "the committing shards are known",
  );
}

/** Checks that the shards that were not split cover each row of the dataset once. */
function checkPartition(state: JobState): void {
  const leaves = inPlanOrder(state.shards.filter((entry) => entry.state.kind !== "split"));
  let rows = 0;
  let before: ShardEntry | null = null;
  for (const entry of leaves) {
    rows += shardRows(entry.shard);
    const follows = (before?.shard.rowEnd ?? 0) === entry.shard.rowStart;
    assertLaw("shards-partition", follows, `shards ${before?.shard.id} and ${entry.shard.id} are adjacent`);
    before = entry;
  }
  assertLaw(
    "shards-partition",
    rows === state.totals.rows,
    `the shards have ${state.totals.rows} rows, found ${rows}`,
  );
}

function checkCommits(state: JobState): void {
  const executions = new Set<string>();
  for (const { state: shard } of state.shards) {
    if (shard.kind !== "committed") continue;
    assertLaw(
      "first-commit-wins",
      !executions.has(shard.partial.executionId),
      "one execution is committed once",
    );
    executions.add(shard.partial.executionId);
  }
}

function checkWorkers(state: JobState): void {
  const names = new Map<string, number>();
  let leases = 0;
  for (const worker of state.workers.values()) {
    names.set(worker.name, (names.get(worker.name) ?? 0) + 1);
    leases += worker.leases.size;
    assertLaw(
      "leases-in-bounds",
      worker.leases.size <= worker.slots,
      `${worker.name} holds no more leases than it has slots`,
    );
    for (const lease of worker.leases)
      assertLaw(
        "stale-is-fenced",
        lease.session === worker.session,
        "a lease belongs to its worker's session",
      );
  }
  assertLaw("stale-is-fenced", leases === state.leases.size, "every lease belongs to a known session");
  assertLaw(
    "counts-agree",
    names.size === state.workerNames.size &&
      [...names].every(([name, count]) => state.workerNames.get(name) === count),
    "worker names are counted",
  );
  for (const lease of state.leases.values()) {
    assertLaw(
      "counts-agree",
      lease.live && leasesOf(lease.entry.state).includes(lease),
      "a live lease is its shard's",
    );
  }
  const { lastToken } = state;
  if (lastToken === null) return;
  const own = { generation: state.generation, sequence: state.sequence };
  assertLaw(
    "tokens-grow",
    compareTokens(lastToken, own) <= 0,
    "no token is higher than the last that was granted",
  );
}

function checkReputations(state: JobState): void {
  const { reputations, workerNames, workers, config } = state;
  for (const [name, { strikes, exclusion }] of reputations) {
    assertLaw(
      "memory-is-bounded",
      strikes.length <= config.exclusion.strikes,
      "the strikes of a worker are bounded",
    );
    assertLaw(
      "counts-agree",
      strikes.every(({ shards }) => shards.length > 0),
      "a strike is for a shard",
    );
    if (exclusion === null) continue;
    const own = [...workers.values()].filter((worker) => worker.name === name).flatMap((w) => [...w.leases]);
    const since = own.filter(({ startedMs }) => startedMs > exclusion.sinceMs);
    const probes = since.every(({ startedMs }) => startedMs >= exclusion.untilMs);
    assertLaw(
      "excluded-by-probes",
      probes && since.length <= 1,
      `excluded worker ${name} gets one probe at a time, after its exclusion`,
    );
  }
  const excluded = [...workerNames.keys()].filter(
    (name) => (reputations.get(name)?.exclusion ?? null) !== null,
  );
  assertLaw(
    "excluded-by-probes",
    workerNames.size === 0 || excluded.length < workerNames.size,
    "not every connected worker is excluded",
  );
}

/** Checks what a phase implies beyond its type. */
function checkPhase(state: JobState): void {
  const { kind } = state.phase;
  const { totals } = state;
  const open = openShards(state);
  if (kind === "running") assertLaw("legal-moves", open > 0, "a running job has open shards");
  if (kind === "reducing" || kind === "publishing" || kind === "published") {
    assertLaw("every-row-once", open === 0, `a job that is ${kind} has no open shard`);
    assertLaw(
      "every-row-once",
      totals.rowsCommitted + state.counts.poisoned === totals.rows,
      "every row is accounted for",
    );
  }
  if (kind === "publishing" || kind === "published") {
    // A reducing job may have more. Another run of a job that failed for its dead letters starts there, and
    // its limit decides next.
    assertLaw(
      "dead-letters-in-budget",
      totals.deadLetters <= state.config.maxDeadLetters,
      "no more dead letters than are allowed",
    );
  }
  if (isEnded(kind)) {
    assertLaw(
      "ends-are-final",
      state.leases.size === 0 && state.committing.size === 0,
      "an ended job has nothing in flight",
    );
  }
}

/** Checks that each pending shard is in the queue. */
function checkQueue(state: JobState): void {
  if (isEnded(state.phase.kind)) return;
  const { ready, marked, backingOff } = state.queue;
  const queued = new Map<ShardEntry, number>();
  const note = ({ entry, seq }: QueueItem) => {
    if (seq === entry.queueSeq) queued.set(entry, (queued.get(entry) ?? 0) + 1);
  };
  for (const line of [ready, marked, backingOff]) for (const item of line.values()) note(item);
  for (const entry of state.shards) {
    if (entry.state.kind !== "pending") continue;
    assertLaw(
      "no-shard-waits-in-vain",
      queued.get(entry) === 1,
      `pending shard ${entry.shard.id} is in the queue once`,
    );
  }
}
