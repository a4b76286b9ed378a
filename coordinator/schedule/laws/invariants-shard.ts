import { isEnded } from "../../../shared/domain/job.ts";
import { BrokenLaw, type Law } from "../../../shared/domain/laws.ts";
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

/** Checks the laws for one shard. */
export function checkShard(state: JobState, entry: ShardEntry): void {
  const hold: Hold = (law, condition, found) => {
    if (!condition) throw new BrokenLaw(law, `${found}; ${historyOf(state, entry)}`);
  };
  checkAttempts(state, entry, hold);
  checkHolders(state, entry, hold);
  const { state: shard } = entry;
  const awaitsVerdict = shard.kind === "pending" && !isEnded(state.phase.kind);
  if (awaitsVerdict)
    hold(
      "only-faults-count",
      entry.failures.length < maxFailures(state),
      "counted attempts are within the limit",
    );
  if (shard.kind === "committed") {
    const { partial } = shard;
    const fault = rowCountsFault(partial, shardRows(entry.shard));
    hold(
      "every-row-once",
      partial.shard === entry.shard.id && fault === null,
      "a commit accounts for its shard",
    );
  }
  if (shard.kind === "poisoned")
    hold("every-row-once", shardRows(entry.shard) === 1, "a poisoned shard is one row");
  if (shard.kind === "split") {
    const [first, second] = shard.into.map((id) => state.shards[id]?.shard);
    const { rowStart, rowEnd } = entry.shard;
    const whole =
      first?.rowStart === rowStart && first.rowEnd === shard.atRow && second?.rowStart === shard.atRow;
    hold("shards-partition", whole && second.rowEnd === rowEnd, "two halves cover the shard");
  }
}

type Hold = (law: Law, condition: boolean, found: string) => void;

function checkAttempts(state: JobState, entry: ShardEntry, hold: Hold): void {
  hold(
    "memory-is-bounded",
    entry.attempts.length <= MAX_ATTEMPTS_KEPT,
    "the attempts of a shard are bounded",
  );
  entry.attempts.forEach(({ token }, index) => {
    const before = entry.attempts[index - 1];
    hold(
      "tokens-grow",
      before === undefined || compareTokens(before.token, token) < 0,
      "tokens strictly increase",
    );
    const { lastToken } = state;
    hold(
      "tokens-grow",
      lastToken !== null && compareTokens(token, lastToken) <= 0,
      `token ${tokenKey(token)} is not above the last token`,
    );
  });
}

function checkHolders(state: JobState, entry: ShardEntry, hold: Hold): void {
  const leases = leasesOf(entry.state);
  hold("leases-in-bounds", leases.length <= 2, "at most two live tokens a shard");
  hold("counts-agree", entry.state.kind !== "leased" || leases.length > 0, "a leased shard has a lease");
  hold(
    "leases-in-bounds",
    new Set(leases.map(({ workerName }) => workerName)).size === leases.length,
    "a backup is on another worker",
  );
  for (const lease of leases) {
    hold(
      "stale-is-fenced",
      lease.live && state.leases.get(tokenKey(lease.token)) === lease,
      "a shard's lease is live",
    );
    hold("stale-is-fenced", findAttempt(entry, lease.token)?.end === null, "a live lease has not ended");
  }
  const offers = offersOf(entry.state);
  hold("memory-is-bounded", offers.length <= 1 + MAX_WAITING_OFFERS, "waiting offers are bounded");
  const executions = new Set(offers.map(({ partial }) => partial.executionId));
  hold("first-commit-wins", executions.size === offers.length, "an execution is offered once at a time");
  for (const { partial } of offers) {
    const end = findAttempt(entry, partial.token)?.end ?? null;
    const late = end === null || end.kind === "expired" || end.kind === "lost";
    hold("stale-is-fenced", late, "nothing is verified under a revoked token");
    hold(
      "counts-agree",
      leases.every(({ token }) => compareTokens(token, partial.token) !== 0),
      "an offered lease is no longer held",
    );
  }
}
