import { edit, type Mutant } from "./mutant.ts";

/** Bugs in how workers are tracked, blamed and given shards. */
export const WORKER_MUTANTS: readonly Mutant[] = [
  {
    name: "drain-counted",
    says: "a returned shard counts as a failure",
    breaks: ["only-faults-count"],
    edits: [
      edit(
        "coordinator/schedule/events/lease-events.js",
        `context.effects.push({ kind: "done" });
    endLease(context, lease, { kind: "released" });`,
        `context.effects.push({ kind: "done" });
    endLease(context, lease, { kind: "failed", code: "INTERNAL", message: "handed back" });`,
      ),
    ],
  },
  {
    name: "old-session-accepted",
    says: "calls of an earlier session of a worker are still accepted",
    breaks: ["stale-is-fenced"],
    edits: [
      edit(
        "coordinator/service/worker-registry.js",
        `        for (const member of replaced)
            this.#remove(member.session);
`,
        "",
      ),
    ],
  },
  {
    name: "leases-never-expire",
    says: "the shard of a silent worker is never assigned to another worker",
    breaks: ["every-job-ends", "no-shard-waits-in-vain"],
    edits: [edit("coordinator/schedule/events/worker-events.js", "    expireLeases(context);\n", "")],
  },
  {
    name: "silence-counted",
    says: "a silent worker counts as crashed, and its shards get failures",
    breaks: ["silence-is-not-loss"],
    edits: [edit("coordinator/schedule/policy/absence.js", 'how: "silent"', 'how: "exited"')],
  },
  {
    name: "registered-again-counts-as-lost",
    says: "a worker that registers again counts as crashed",
    breaks: ["silence-is-not-loss"],
    storage: "shared",
    edits: [
      edit(
        "coordinator/service/worker-registry.js",
        "instance !== undefined && namesake?.instance === instance",
        "false",
      ),
    ],
  },
  {
    name: "silence-unnoticed",
    says: "a worker that crashed without a message is never removed",
    breaks: ["no-workers-is-said", "every-job-ends"],
    edits: [edit("coordinator/schedule/policy/absence.js", "if (silentMs > workerLostMs)", "if (false)")],
  },
  {
    name: "no-lease-after-a-suspect",
    says: "a worker that must run a suspect shard alone gets no shard when it is idle",
    breaks: ["no-shard-waits-in-vain"],
    edits: [
      edit(
        "coordinator/schedule/policy/pending-queue.js",
        `    if (worker.leases.size === 0)
        return false;
    promoteDue(`,
        "    promoteDue(",
      ),
    ],
  },
];
