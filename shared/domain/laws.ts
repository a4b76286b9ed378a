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
    says: "Each input row is mapped into the published output once, or was dropped by the job's own filter and counted, or is one dead letter with a reason.",
    why: "This is what the job is for. A shard that is published counts for planned = mapped + filtered + dead rows.",
  },
  "plan-order": {
    says: "Published rows are in the order of the plan.",
    why: "The same input gives the same output, whichever worker was faster.",
  },
  "first-commit-wins": {
    says: "A shard has at most one commit that was not revoked, and it is the first that was offered whole.",
    why: "Two executions of a shard need not be equal to the bit. Readers, workers and the reduction must all mean the same one.",
  },
  "commits-stay-whole": {
    says: "The files of a committed partial are on the disk, unchanged, under a name that no other execution has.",
    why: "From the commit on, nobody runs the shard again, and the worker forgets it.",
  },
  "published-once": {
    says: "The output is written at most once, it is the one that the intent to publish announced, and it replaces nobody's file.",
    why: "Whoever reads the output while a job resumes must not see it change.",
  },
  "whole-or-nothing": {
    says: "From the moment that the manifest is there, so is every file that it names, whole.",
    why: "Readers look for the manifest, on a disk and in a bucket, and must never find half a result.",
  },
  "same-commits-same-output": {
    says: "The reduction of the same commits gives the same bytes, after any restart.",
    why: "A resumed job publishes what it announced before it died, or its intent could never be kept.",
  },
  "record-before-answer": {
    says: "Nothing is acknowledged before its record is durable, in the history that a successor reads.",
    why: "What was promised to a worker or a user is promised by every later coordinator, too.",
  },
  "stale-is-fenced": {
    says: "Nothing is accepted under a revoked token, or from an older session of a worker.",
    why: "A process that was stopped for an hour goes on as if nothing had happened.",
  },
  "tokens-grow": {
    says: "Tokens strictly increase over all generations, and a generation is durable before its first token goes out.",
    why: "A fence that can be passed twice is none.",
  },
  "leases-in-bounds": {
    says: "A shard has at most two live leases, on two workers. A worker holds no more leases than it has slots, all of one job, and keeps that job open meanwhile.",
    why: "Backups stay an insurance, and a worker's memory holds what it is given.",
  },
  "shards-partition": {
    says: "The shards, also after splits, cover the rows of the dataset, each once.",
    why: "Rows are counted by shards. A gap or an overlap would be a row lost or doubled that no count shows.",
  },
  "only-faults-count": {
    says: "The attempts that count against a shard stay within their limit. A lease that ran out, or was handed back, does not count.",
    why: "A fleet that is preempted all night must not fail a healthy job.",
  },
  "silence-is-not-death": {
    says: "A worker is gone only when the core says so: its process ended, its connection stayed broken beyond its grace, or it made no call for longer than its leases last. Silence alone counts against nothing.",
    why: "A lease that runs out is nobody's fault. A death counts against shards and worker, so there must be a sign of it.",
  },
  "dead-rows-in-budget": {
    says: "No job is published with more dead letters than it allows.",
    why: "How many rows may be missing is the user's decision.",
  },
  "excluded-by-probes": {
    says: "An excluded worker gets no shard until its time is up, then one at a time; never are all workers that are here excluded.",
    why: "A bad machine must not take every retry, and a bad judgement must not stop the job.",
  },
  "ends-are-final": {
    says: "A job that has ended stays as it ended, with nothing in flight, unless somebody starts another run of it.",
    why: "What was told to a user about the end must stay true.",
  },
  "cancelled-or-published": {
    says: "A cancelled job publishes nothing, and what is published was intended before and has not failed.",
    why: "The two answers exclude each other, and both are given to people.",
  },
  "replay-is-the-state": {
    says: "The journal, replayed once or twice, gives the state that is live.",
    why: "A restarted coordinator decides as the one before it would have.",
  },
  "memory-is-bounded": {
    says: "What is remembered of a shard, of its offers and of a worker is bounded.",
    why: "A job of 200,000 shards and a worker that fails for a day must fit in a coordinator's memory.",
  },
  "nothing-left-behind": {
    says: "The work files of a published job are gone once it has ended.",
    why: "Output folders are read by globs, and disks fill up.",
  },
  "one-holder": {
    says: "Only the process that holds the job's lock appends to its journal, sweeps or publishes.",
    why: "Two coordinators that write one job would each believe their own history.",
  },
  "every-job-ends": {
    says: "Once faults stop and a healthy worker is there, every job ends, and it fails only for a reason that there was.",
    why: "A job that hangs costs a night without saying so.",
  },
  "no-shard-waits-in-vain": {
    says: "No shard waits while a worker that may have it idles.",
    why: "The slowest way to be right is to give no work out.",
  },
  "no-workers-is-said": {
    says: "With no worker for the grace time, the job fails with that reason.",
    why: "Nobody watches a queue that nobody serves.",
  },
  "counts-agree": {
    says: "What is counted as it changes is what one would count now, and what is published; each index lists what it should.",
    why: "Progress, limits and the choice of the next shard read the counts alone, and people what the manifest counts.",
  },
  "legal-moves": {
    says: "Jobs and shards move along the arrows of their tables, and no error goes uncaught.",
    why: "A state that nobody thought of is handled by nobody.",
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
