import { edit, type Mutant } from "./mutant.ts";

/** Bugs that appear only with several jobs on one coordinator. */
export const SEVERAL_JOBS_MUTANTS: readonly Mutant[] = [
  {
    name: "leases-of-several-jobs",
    says: "slots are counted for each job, so a worker runs shards of several jobs at once",
    breaks: ["leases-in-bounds"],
    edits: [
      edit(
        "coordinator/service/job-choice.js",
        "return served !== undefined && served.leasesOf(session) > 0 ? served : undefined;",
        "return undefined;",
      ),
    ],
  },
  {
    name: "only-the-first-job-is-joined",
    says: "a job that is not served yet fails because it has no workers",
    breaks: ["every-job-ends"],
    edits: [
      edit(
        "coordinator/service/work-server.js",
        "for (const job of jobs) {",
        "for (const job of jobs.slice(0, 1)) {",
      ),
    ],
  },
  {
    name: "closed-under-a-use",
    says: "a worker that leaves a job closes it while shards of it still run",
    breaks: ["leases-in-bounds"],
    edits: [
      edit(
        "worker/job/warm-resource.js",
        `        this.#isWanted = false;
        if (this.isIdle)`,
        `        this.#isWanted = false;
        if (true)`,
      ),
    ],
  },
  {
    name: "use-counted-when-open",
    says: "a shard that waits for its job to open does not keep the job open, so it is closed twice",
    breaks: ["leases-in-bounds"],
    edits: [
      edit(
        "worker/job/warm-resource.js",
        `        this.#uses += 1;
        try {
            return await work(await orAbort(this.#opening, signal));
        }
        finally {
            this.#uses -= 1;`,
        `        let counted = 0;
        try {
            const open = await orAbort(this.#opening, signal);
            counted = 1;
            this.#uses += 1;
            return await work(open);
        }
        finally {
            this.#uses -= counted;`,
      ),
    ],
  },
];
