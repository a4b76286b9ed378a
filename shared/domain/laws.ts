/** Law: one sentence, and the reason for it. */
interface LawText {
  readonly says: string;
  readonly why: string;
}

/**
 * Laws of the system, each with one name. Asserts, core invariants, the simulator, planted bugs and tests use
 * these keys. `docs/laws.md` lists where each law is checked.
 */
export const LAWS = {
  "every-row-once": {
    says: "Each input row is mapped into the output once, filtered by the job and counted, or dead-lettered once with a reason.",
    why: "This is the purpose of a job. In a published shard, planned = mapped + filtered + dead-lettered rows.",
  },
  "plan-order": {
    says: "Published rows are in the order of the plan.",
    why: "The same input gives the same output, whichever worker was faster.",
  },
  "first-commit-wins": {
    says: "A shard has at most one commit that was not revoked. It is the first that was offered whole.",
    why: "Two executions of a shard need not be equal to the bit. Readers, workers and the reduction must all use the same one.",
  },
  "commits-stay-whole": {
    says: "The files of a committed partial are on the disk, unchanged, under a name that no other execution has.",
    why: "After the commit, no worker runs the shard again, and the worker does not keep its state.",
  },
  "published-once": {
    says: "The output is written at most once, is the one that the intent to publish announced, and replaces no other file.",
    why: "Readers must not see the output change while a job resumes.",
  },
  "whole-or-nothing": {
    says: "Once the manifest exists, every file that it names exists and is complete.",
    why: "Readers look for the manifest, on a disk and in a bucket, and must never find a partial result.",
  },
  "same-commits-same-output": {
    says: "The reduction of the same commits gives the same bytes, after any restart.",
    why: "A resumed job must publish exactly what it announced before its coordinator exited.",
  },
  "reduced-of-the-commits": {
    says: "The result of a reduction was made of the present commits of the job: all of them, and no others.",
    why: "Workers reduce for minutes. Meanwhile a damaged shard may have run again, and its rows differ to the bit.",
  },
  "record-before-answer": {
    says: "Nothing is acknowledged before its record is durable, in the history that the next coordinator reads.",
    why: "Every later coordinator must keep what was acknowledged to a worker or a user.",
  },
  "stale-is-fenced": {
    says: "Nothing is accepted under a revoked token, or from an older session of a worker.",
    why: "A process that was stopped for an hour continues as if nothing had happened.",
  },
  "tokens-grow": {
    says: "Tokens strictly increase over all generations, and a generation is durable before its first token is issued.",
    why: "Tokens that repeat cannot fence a stale worker.",
  },
  "leases-in-bounds": {
    says: "A shard has at most two live leases, on two workers. A worker holds no more leases than it has slots, all of one job, and keeps that job open meanwhile.",
    why: "Backups must cost little, and a worker's memory must hold the shards assigned to it.",
  },
  "shards-partition": {
    says: "The shards cover each row of the dataset once, also after splits.",
    why: "Rows are counted by shards. A gap would lose a row, and an overlap would double one, without a sign in the counts.",
  },
  "only-faults-count": {
    says: "The attempts that count against a shard stay within their limit. A lease that expired or was released does not count.",
    why: "A fleet that is preempted all night must not fail a healthy job.",
  },
  "silence-is-not-loss": {
    says: "A worker is lost only when the core says so. Its process exited, its connection stayed broken beyond its grace, or its last call is older than its leases last. Silence alone does not count as a fault.",
    why: "A lease that expires is not a fault. A lost worker counts against its shards and itself, so the loss must have a sign.",
  },
  "dead-letters-in-budget": {
    says: "No job is published with more dead letters than it allows.",
    why: "How many rows may be missing is the user's decision.",
  },
  "excluded-by-probes": {
    says: "An excluded worker gets no shard until its exclusion ends, then one at a time. The present workers are never all excluded.",
    why: "A bad machine must not take every retry, and a wrong exclusion must not stop the job.",
  },
  "ends-are-final": {
    says: "A job that has ended keeps its state, with nothing in flight, unless a user starts another run of it.",
    why: "The end that was reported to a user must stay true.",
  },
  "cancelled-or-published": {
    says: "A cancelled job publishes nothing. A published job had an intent to publish before, and has not failed.",
    why: "Users get one of the two results, and they exclude each other.",
  },
  "replay-is-the-state": {
    says: "The journal, replayed once or twice, gives the live state.",
    why: "A restarted coordinator must decide as the previous one would have.",
  },
  "memory-is-bounded": {
    says: "The state of a shard, of its offers and of a worker is bounded.",
    why: "A job of 200,000 shards and a worker that fails for a day must fit in a coordinator's memory.",
  },
  "nothing-left-behind": {
    says: "The work files of a published job are gone once it has ended.",
    why: "Output folders are read by globs, and disks fill up.",
  },
  "one-holder": {
    says: "Only the process that holds the job's lock appends to its journal, sweeps or publishes.",
    why: "Two coordinators that write one job would each continue a history of their own.",
  },
  "every-job-ends": {
    says: "Once faults stop and a healthy worker is present, every job ends. It fails only for a reason that occurred.",
    why: "A job that hangs wastes a night without an error.",
  },
  "no-shard-waits-in-vain": {
    says: "No shard waits while a worker that may run it is idle.",
    why: "A coordinator that assigns no work keeps every other law, and finishes no job.",
  },
  "no-workers-is-said": {
    says: "If there is no worker for the grace time, the job fails with that reason.",
    why: "Without workers, a job that only waits looks like a job that runs.",
  },
  "counts-agree": {
    says: "Counts that are updated at each change equal a new count, and the published counts. Each index lists what it should.",
    why: "Progress, limits and the choice of the next shard use only these counts. Users read the counts of the manifest.",
  },
  "legal-moves": {
    says: "Jobs and shards change state only as their tables allow, and every error is caught.",
    why: "No code handles a state that was not foreseen.",
  },
} as const satisfies Record<string, LawText>;

/** Name of a law. */
export type Law = keyof typeof LAWS;

export function isLaw(key: unknown): key is Law {
  return typeof key === "string" && Object.hasOwn(LAWS, key);
}

/** Error for a broken law: a bug, never a user's mistake. */
export class BrokenLaw extends Error {
  readonly law: Law;

  constructor(law: Law, found: string) {
    super(`broken invariant: ${law}: ${found}`);
    this.law = law;
  }
}

/** @throws {BrokenLaw} when the condition does not hold */
export function assertLaw(law: Law, condition: unknown, found: string): asserts condition {
  if (!condition) throw new BrokenLaw(law, found);
}
