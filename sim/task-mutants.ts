import { edit, type Mutant } from "./mutant.ts";

const INNER_JOB = "coordinator/inner/inner-job.js";
const RESULTS = "coordinator/inner/task-results.js";
const BY_TASKS = "coordinator/reduce/reduce-by-tasks.js";

const NO_DIGEST_IN_NAME = edit(
  INNER_JOB,
  `\`tasks-\${nameOfTasks(tasks)}-\${tasks.commits.slice(0, 16)}\``,
  `\`tasks-\${nameOfTasks(tasks)}\``,
);

/** Bugs in reductions whose parts workers run. */
export const TASK_MUTANTS: readonly Mutant[] = [
  {
    name: "tasks-of-old-commits",
    says: "after a damaged shard has run again, the results of the tasks before are published",
    breaks: ["reduced-of-the-commits"],
    tasks: true,
    edits: [
      NO_DIGEST_IN_NAME,
      edit("coordinator/inner/inner-plan.js", "{ ...digests, input: commits }", "digests"),
      edit(RESULTS, "state.accepted?.digests.input === commits", "true"),
    ],
  },
  {
    name: "tasks-named-without-commits",
    says: "tasks of other commits find the journal of the tasks before",
    breaks: ["every-job-ends"],
    tasks: true,
    edits: [NO_DIGEST_IN_NAME],
  },
  {
    name: "tasks-before-the-last-commit",
    says: "the tasks do not read the table of one shard",
    breaks: ["same-commits-same-output", "reduced-of-the-commits"],
    tasks: true,
    edits: [
      edit(
        BY_TASKS,
        "const tables = await checkTables(name, options)",
        "const tables = await checkTables(name, { ...options, partials: options.partials.slice(1) })",
      ),
    ],
  },
  {
    name: "results-before-the-last-task",
    says: "results are taken over before all tasks are committed",
    breaks: ["counts-agree", "every-job-ends", "legal-moves"],
    tasks: true,
    edits: [
      edit(
        RESULTS,
        "await verifyPatiently(() => this.#store.verifyPartial(partial, signal), patience);",
        `await verifyPatiently(() => this.#store.verifyPartial(partial, signal), patience);
        if (committedPartials(state).length > 0)
            void this.reduce().catch(() => { });`,
      ),
    ],
  },
  {
    name: "bucket-in-two-tasks",
    says: "a task also reads buckets of the next one",
    breaks: ["counts-agree", "every-job-ends"],
    tasks: true,
    edits: [
      edit(
        "shared/domain/reduction-tasks.js",
        "{ from: rowStart, to: rowEnd }",
        "{ from: rowStart, to: rowEnd + 99 }",
      ),
    ],
  },
  {
    name: "bucket-in-no-task",
    says: "the last buckets are in no task",
    breaks: ["shards-partition", "counts-agree", "every-job-ends", "legal-moves"],
    tasks: true,
    edits: [
      edit(
        BY_TASKS,
        "ranges.length < 2 ? [] : [[name, { ranges, run }]]",
        "ranges.length < 2 ? [] : [[name, { ranges: ranges.slice(0, -1), run }]]",
      ),
    ],
  },
  {
    name: "tables-not-in-plan-order",
    says: "tasks read the tables in another order than the plan",
    breaks: ["plan-order"],
    tasks: true,
    edits: [edit(INNER_JOB, "JSON.stringify(listOf(tasks))", "JSON.stringify(listOf(tasks).toReversed())")],
  },
  {
    name: "results-in-order-of-tokens",
    says: "the parts are in the order in which the tasks were leased",
    breaks: ["every-row-once"],
    tasks: true,
    edits: [
      edit(
        RESULTS,
        "const committed = committedPartials(state);",
        `const committed = committedPartials(state).toSorted((a, b) => a.token.generation - b.token.generation || a.token.sequence - b.token.sequence);`,
      ),
    ],
  },
  {
    name: "damaged-result-not-checked",
    says: "the results of tasks are taken over unchecked",
    breaks: ["commits-stay-whole", "whole-or-nothing", "every-job-ends"],
    tasks: true,
    edits: [
      edit(
        RESULTS,
        "await checkFileDigest(partials, partial, file, { storage, checksums, signal });",
        "partialFileLocation(partials, partial, file);",
      ),
      edit(RESULTS, "import { checkFileDigest }", "import { partialFileLocation }"),
    ],
  },
  {
    name: "task-acknowledged-before-record",
    says: "the commit of a task is acknowledged before its record is durable",
    breaks: ["record-before-answer"],
    tasks: true,
    edits: [
      edit(
        INNER_JOB,
        "journal: resources.add(snapshotting(opened, replayed)),",
        `journal: ((journal) => ({
            append: async (record, options) => void journal.append(record, options).catch(() => { }),
            eventAppended: () => journal.eventAppended(),
        }))(resources.add(snapshotting(opened, replayed))),`,
      ),
    ],
  },
  {
    name: "own-parts-beside-tasks",
    says: "the coordinator publishes its own parts and those of the tasks",
    breaks: ["same-commits-same-output", "every-row-once"],
    tasks: true,
    edits: [
      edit(
        BY_TASKS,
        "if (results === null)",
        "const own = await options.byItself();\n    if (results === null)",
      ),
      edit(
        BY_TASKS,
        "return results.map(",
        "return results.concat(own.map(({ from, output }) => ({ from, file: output }))).map(",
      ),
    ],
  },
  {
    name: "no-reduction-without-workers",
    says: "a job whose workers have left while it reduces fails",
    breaks: ["every-job-ends"],
    tasks: true,
    edits: [edit(INNER_JOB, 'isShardmillError(error, "NO_WORKERS")', "false")],
  },
  {
    name: "resumed-tasks-not-continued",
    says: "a coordinator that finds all tasks committed waits for them",
    breaks: ["every-job-ends", "no-shard-waits-in-vain"],
    tasks: true,
    edits: [edit(INNER_JOB, "await shell.perform(resumeEffects(shell.state));", ";")],
  },
  {
    name: "failed-task-not-noticed",
    says: "the job waits for tasks that have failed",
    breaks: ["every-job-ends", "legal-moves"],
    tasks: true,
    edits: [edit(INNER_JOB, "Promise.race([opened.results, failed])", "opened.results")],
  },
];
