import { assert, assertNever, present } from "../../../shared/core/assert.ts";
import { assertLaw } from "../../../shared/domain/laws.ts";
import type { ShardId } from "../../../shared/domain/shard.ts";
import { evolve } from "./evolve.ts";
import { addShard, type JobState } from "./job-state.ts";
import { moveShard, restorePhase } from "./moves.ts";
import type { JournalRecord, RecordOf } from "./record.ts";
import { isOpen, type ShardEntry, type ShardState } from "./shard-state.ts";
import { type CommittedColumns, fitsColumns, forEachCommitted, inColumns } from "./snapshot-columns.ts";

/**
 * What a stretch of the journal came to: the job as it is at its end, and each shard that a record in it was
 * about. A snapshot and all those before it are the state, so one is as long as its stretch, however long the
 * job. Plain data, as JSON.
 */
export interface Snapshot {
  readonly job: Pick<JobState, "accepted" | "standing" | "phase" | "totals" | "mapping" | "lastToken">;
  /** Where the plan was sealed in this stretch. */
  readonly plan: RecordOf<"planSealed"> | null;
  /** Whether another run began in this stretch, for which the failures before do not count. */
  readonly revived: boolean;
  /** The shards, by id, of {@link BLOCK_SHARDS} at most; made, or parsed, as they are asked for, once. */
  readonly blocks: Iterable<SnapshotBlock>;
}

export type SnapshotBlock =
  /** Shards that were committed at their first attempt: nearly all. */
  | { readonly kind: "committed"; readonly columns: CommittedColumns }
  | { readonly kind: "others"; readonly shards: readonly ShardFacts[] };

/** A block is made in one go, which stops the coordinator for some milliseconds. */
const BLOCK_SHARDS = 2_000;

type Outcome =
  | { readonly kind: "open" }
  | Extract<ShardState, { readonly kind: "committed" | "split" | "poisoned" }>;

type ShardFacts = Pick<
  ShardEntry,
  "shard" | "parent" | "attempts" | "failures" | "revocations" | "forgottenUpTo"
> & { readonly outcome: Outcome };

/** What the records since the last snapshot were about. */
export class SinceSnapshot {
  static of(records: Iterable<JournalRecord>): SinceSnapshot {
    const since = new SinceSnapshot();
    for (const record of records) since.add(record);
    return since;
  }

  readonly #shards = new Set<ShardId>();
  #records = 0;
  #plan: RecordOf<"planSealed"> | null = null;
  #revived = false;

  get records(): number {
    return this.#records;
  }

  add(record: JournalRecord): void {
    this.#records += 1;
    switch (record.kind) {
      case "planSealed":
        this.#plan ??= record;
        break;
      case "jobRevived":
        this.#revived = true;
        break;
      case "shardSplit":
        for (const id of [record.shard, ...record.into]) this.#shards.add(id);
        break;
      case "shardCommitted":
        this.#shards.add(record.partial.shard);
        break;
      case "leaseGranted":
      case "attemptEnded":
      case "rowDeadLettered":
      case "shardRevoked":
        this.#shards.add(record.shard);
        break;
      case "generationStarted":
      case "jobAccepted":
      case "publishIntent":
      case "published":
      case "jobCancelled":
      case "jobFailed":
      case "standingChanged":
        break;
      default:
        assertNever(record);
    }
  }

  /** Also what earlier ones were about, of which no snapshot was made. */
  addAll(earlier: SinceSnapshot): void {
    for (const id of earlier.#shards) this.#shards.add(id);
    this.#records += earlier.#records;
    this.#plan ??= earlier.#plan;
    this.#revived ||= earlier.#revived;
  }

  /**
   * Of the shards only what changes is copied here, in one go: the blocks may be made while the job goes on.
   *
   * @param state after the last of the records
   */
  take({ accepted, standing, phase, totals, mapping, lastToken, shards }: JobState): Snapshot {
    const entries: ShardEntry[] = [];
    for (const id of Uint32Array.from(this.#shards).sort()) {
      const entry = shards[id];
      if (entry !== undefined) entries.push({ ...entry });
    }
    return {
      job: { accepted, standing, phase, totals: { ...totals }, mapping, lastToken },
      plan: this.#plan,
      revived: this.#revived,
      blocks: blocksOf(entries),
    };
  }
}

/**
 * Brings a state from the end of the snapshot before this one, or from nothing where this is the first, to
 * the end of this one.
 */
export function restore(state: JobState, { job, plan, revived, blocks }: Snapshot): void {
  state.accepted = job.accepted;
  state.standing = job.standing;
  if (revived) {
    for (const entry of state.shards) {
      entry.failures = [];
      entry.revocations = 0;
    }
  }
  if (plan !== null) {
    assert(state.shards.length === 0, "a plan is sealed once");
    // An earlier run may have failed before.
    restorePhase(state, { kind: "planning" });
    evolve(state, plan);
  }
  for (const block of blocks) restoreBlock(state, block);
  Object.assign(state.totals, job.totals);
  state.mapping = job.mapping;
  state.lastToken = job.lastToken;
  restorePhase(state, job.phase);
}

function restoreBlock(state: JobState, block: SnapshotBlock): void {
  if (block.kind === "committed") {
    forEachCommitted(block.columns, (partial, attempt) => {
      const entry = present(state.shards[partial.shard], "a shard of a snapshot is of the plan");
      entry.attempts = [attempt];
      settle(state, entry, { kind: "committed", partial });
    });
    return;
  }
  for (const facts of block.shards) {
    const { id } = facts.shard;
    assert(id <= state.shards.length, "the halves of shards come in order");
    const entry = state.shards[id] ?? addShard(state, facts.shard, facts.parent);
    entry.attempts = facts.attempts;
    entry.failures = facts.failures;
    entry.revocations = facts.revocations;
    entry.forgottenUpTo = facts.forgottenUpTo;
    settle(state, entry, facts.outcome);
  }
}

/**
 * Whether the shards have the rows that the job counts: what is read from a snapshot was added up long ago.
 *
 * @throws {BrokenLaw}
 */
export function checkRestored({ shards, totals, counts }: JobState): void {
  let [rowsCommitted, rowsOut, deadRows] = [0, 0, counts.poisoned];
  for (const { state } of shards) {
    if (state.kind !== "committed") continue;
    rowsCommitted += state.partial.rowsIn;
    rowsOut += state.partial.rowsOut;
    deadRows += state.partial.rowsDead;
  }
  const agree =
    totals.rowsCommitted === rowsCommitted && totals.rowsOut === rowsOut && totals.deadRows === deadRows;
  assertLaw("counts-agree", agree, `the committed shards have ${rowsCommitted} rows`);
}

function* blocksOf(entries: readonly ShardEntry[]): Generator<SnapshotBlock> {
  for (let at = 0; at < entries.length; at += BLOCK_SHARDS) {
    const [committed, others]: [ShardEntry[], ShardEntry[]] = [[], []];
    for (const entry of entries.slice(at, at + BLOCK_SHARDS))
      (fitsColumns(entry) ? committed : others).push(entry);
    if (committed.length > 0) yield { kind: "committed", columns: inColumns(committed) };
    if (others.length > 0) yield { kind: "others", shards: others.map(factsOf) };
  }
}

/** Without real times: see `PENDING` of the fold. */
const PENDING: ShardState = { kind: "pending", sinceMs: 0, notBeforeMs: 0 };

function settle(state: JobState, entry: ShardEntry, outcome: Outcome): void {
  if (entry.state.kind === "committed") moveShard(state, entry, "revoked", PENDING);
  switch (outcome.kind) {
    case "open":
      return;
    case "committed":
      moveShard(state, entry, "stored", outcome);
      return;
    case "split":
      if (entry.state.kind !== "split") moveShard(state, entry, "splitUp", outcome);
      return;
    case "poisoned":
      if (entry.state.kind !== "poisoned") moveShard(state, entry, "poisoned", outcome);
      return;
    default:
      assertNever(outcome);
  }
}

function factsOf(entry: ShardEntry): ShardFacts {
  const { shard, parent, attempts, failures, revocations, forgottenUpTo } = entry;
  return { shard, parent, outcome: outcomeOf(entry), attempts, failures, revocations, forgottenUpTo };
}

/** The leases and offers of an open shard are gone with the process. */
function outcomeOf({ state }: ShardEntry): Outcome {
  return isOpen(state.kind) ? { kind: "open" } : (state as Exclude<Outcome, { kind: "open" }>);
}
