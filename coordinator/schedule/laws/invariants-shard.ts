import { isEnded } from "../../../shared/domain/job.ts";
import { rowCountsFault } from "../../../shared/domain/row-counts.ts";
import { shardRows } from "../../../shared/domain/shard.ts";
import { compareTokens, tokenKey } from "../../../shared/domain/token.ts";
import { maxFailures } from "../policy/verdict.ts";
import { findAttempt } from "../state/evolve-shard.ts";
import type { JobState } from "../state/job-state.ts";
import { historyOf } from "../state/shard-place.ts";
import {
  leasesOf,
  MAX_ATTEMPTS_KEPT,
  MAX_WAITING_OFFERS,
  offersOf,
  type ShardEntry,
} from "../state/shard-state.ts";

/** What must hold for one shard. */
export function checkShard(state: JobState, entry: ShardEntry): void {
  const hold = (condition: boolean, law: string) => {
    if (!condition) throw new Error(`broken invariant: ${law}; ${historyOf(state, entry)}`);
  };
  checkAttempts(state, entry, hold);
  checkHolders(state, entry, hold);
  const { state: shard } = entry;
  const awaitsVerdict = shard.kind === "pending" && !isEnded(state.phase);
  if (awaitsVerdict)
    hold(entry.failures.length < maxFailures(state), "I12: counted attempts are within the limit");
  if (shard.kind === "committed") {
    const { partial } = shard;
    const fault = rowCountsFault(partial, shardRows(entry.shard));
    hold(partial.shard === entry.shard.id && fault === null, "I1: a commit accounts for its shard");
  }
  if (shard.kind === "poisoned") hold(shardRows(entry.shard) === 1, "a poisoned shard is one row");
  if (shard.kind === "split") {
    const [first, second] = shard.into.map((id) => state.shards[id]?.shard);
    const { rowStart, rowEnd } = entry.shard;
    const whole =
      first?.rowStart === rowStart && first.rowEnd === shard.atRow && second?.rowStart === shard.atRow;
    hold(whole && second.rowEnd === rowEnd, "I11: two halves are the whole");
  }
}

type Hold = (condition: boolean, law: string) => void;

function checkAttempts(state: JobState, entry: ShardEntry, hold: Hold): void {
  hold(entry.attempts.length <= MAX_ATTEMPTS_KEPT, "I17: the attempts of a shard are bounded");
  entry.attempts.forEach(({ token }, index) => {
    const before = entry.attempts[index - 1];
    hold(before === undefined || compareTokens(before.token, token) < 0, "I9: tokens strictly increase");
    const { lastToken } = state;
    hold(
      lastToken !== null && compareTokens(token, lastToken) <= 0,
      `I9: token ${tokenKey(token)} is remembered`,
    );
  });
}

function checkHolders(state: JobState, entry: ShardEntry, hold: Hold): void {
  const leases = leasesOf(entry.state);
  hold(leases.length <= 2, "I10: at most two live tokens a shard");
  hold(entry.state.kind !== "leased" || leases.length > 0, "a leased shard has a lease");
  hold(
    new Set(leases.map(({ workerName }) => workerName)).size === leases.length,
    "I10: a backup is on another worker",
  );
  for (const lease of leases) {
    hold(lease.live && state.leases.get(tokenKey(lease.token)) === lease, "I8: a shard's lease is live");
    hold(findAttempt(entry, lease.token)?.end === null, "I8: a live lease has not ended");
  }
  const offers = offersOf(entry.state);
  hold(offers.length <= 1 + MAX_WAITING_OFFERS, "I17: offers that wait are bounded");
  const executions = new Set(offers.map(({ partial }) => partial.executionId));
  hold(executions.size === offers.length, "I3: an execution is offered once at a time");
  for (const { partial } of offers) {
    const end = findAttempt(entry, partial.token)?.end ?? null;
    const late = end === null || end.kind === "expired" || end.kind === "died";
    hold(late, "I8: nothing is verified under a revoked token");
    hold(
      leases.every(({ token }) => compareTokens(token, partial.token) !== 0),
      "an offered lease has done its work",
    );
  }
}
