import { assert, assertNever, present } from "../../../shared/core/assert.ts";
import { assertLaw } from "../../../shared/domain/laws.ts";
import type { ShardId } from "../../../shared/domain/shard.ts";
import { evolve } from "./evolve.ts";
import { addShard, type JobState } from "./job-state.ts";
import { moveShard, restorePhase } from "./moves.ts";
import { committedShard } from "./packed-commit.ts";
import type { JournalRecord, RecordOf } from "./record.ts";
import { isOpen, type ShardEntry, type ShardState } from "./shard-state.ts";
import { type CommittedColumns, fitsColumns, forEachCommitted, inColumns } from "./snapshot-columns.ts";

/**
 * Facts of a journal range: the job at its end, and each shard that a record in it names. A snapshot and all
 * earlier ones make up the state. So a snapshot is as long as its range, however long the job. Plain data, as
 * JSON.
 */
export interface Snapshot {
  readonly job: Pick<JobState, "accepted" | "standing" | "phase" | "totals" | "mapping" | "lastToken">;
  /** Plan that was sealed in this range. Null: none was. */
  readonly plan: RecordOf<"planSealed"> | null;
  /** Another run began in this range, so earlier failures do not count. */
  readonly revived: boolean;
  /**
   * The shards, by id, in blocks of at most {@link BLOCK_SHARDS}. Made or parsed on demand, and only once.
   */
  readonly blocks: Iterable<SnapshotBlock>;
}

export type SnapshotBlock =
  /** Shards that were committed at their first attempt: nearly all of them. */
  | { readonly kind: "committed"; readonly columns: CommittedColumns }
  | { readonly kind: "others"; readonly shards: readonly ShardFacts[] };

/** Limit of shards in a block. Making a block stops the coordinator for some milliseconds. */
const BLOCK_SHARDS = 2_000;

type Outcome =
  | { readonly kind: "open" }
  | Extract<ShardState, { readonly kind: "committed" | "split" | "poisoned" }>;

type ShardFacts = Pick<
  ShardEntry,
  "shard" | "parent" | "attempts" | "failures" | "revocations" | "forgottenUpTo"
> & { readonly outcome: Outcome };

/** Shards and facts that the records since the last snapshot name. */
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

  /** Adds the shards and facts of an earlier range of which no snapshot was made. */
  addAll(earlier: SinceSnapshot): void {
    for (const id of earlier.#shards) this.#shards.add(id);
    this.#records += earlier.#records;
    this.#plan ??= earlier.#plan;
    this.#revived ||= earlier.#revived;
  }

  /**
   * Copies the facts of these shards at once. The blocks may be encoded while the job continues.
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
 * Advances a state from the end of the previous snapshot to the end of this one. The first snapshot starts
 * from an empty state.
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
    // An earlier run may have failed before its plan was sealed.
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
      finishShard(state, entry, { kind: "committed", partial });
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
    finishShard(state, entry, facts.outcome);
  }
}

/**
 * Checks that the totals, which are read from the snapshots, match the shards' rows.
 *
 * @throws {BrokenLaw}
 */
export function checkRestored({ shards, totals, counts }: JobState): void {
  let [rowsCommitted, rowsOut, deadLetters] = [0, 0, counts.poisoned];
  for (const { state } of shards) {
    if (state.kind !== "committed") continue;
    const { partial } = state;
    rowsCommitted += partial.rowsIn;
    rowsOut += partial.rowsOut;
    deadLetters += partial.rowsDeadLettered;
  }
  const agree =
    totals.rowsCommitted === rowsCommitted &&
    totals.rowsOut === rowsOut &&
    totals.deadLetters === deadLetters;
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

/** Pending state without real times, as in `evolve-shard.ts`. */
const PENDING: ShardState = { kind: "pending", sinceMs: 0, notBeforeMs: 0 };

function finishShard(state: JobState, entry: ShardEntry, outcome: Outcome): void {
  if (entry.state.kind === "committed") moveShard(state, entry, "revoked", PENDING);
  switch (outcome.kind) {
    case "open":
      return;
    case "committed":
      moveShard(state, entry, "stored", committedShard(outcome.partial, state.layouts));
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

/** Leases and offers of an open shard end with the process. */
function outcomeOf({ state }: ShardEntry): Outcome {
  if (state.kind === "committed") return { kind: "committed", partial: state.partial };
  return isOpen(state.kind) ? { kind: "open" } : (state as Exclude<Outcome, { kind: "open" }>);
}
