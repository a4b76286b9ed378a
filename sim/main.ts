import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../shared/core/package-root.ts";
import { formatCount } from "../shared/core/units.ts";
import { Exploration, seedOfCommit } from "./explore.ts";
import { FAULT_KINDS } from "./fault-plan.ts";
import { LongRun } from "./long-run.ts";
import type { SeedQuestion } from "./seed-process.ts";
import { SeedProcesses } from "./seed-processes.ts";
import type { SeedResult, SimulateOptions } from "./simulate.ts";
import { isStorageKind, mayBe, STORAGE_KINDS, type StorageKind } from "./storage-kind.ts";

/** Interval of seeds that run twice and must give the same trace. */
const TWICE_EVERY = 50;
const LOG_SHOWN = 200;

/** A seed that found a bug once. */
interface Regression {
  readonly seed: number;
  readonly found: string;
  /** Number of jobs in its world. */
  readonly jobs: number;
  /** Storage of the outputs. Default: `disk`. */
  readonly storage?: StorageKind;
  /** Jobs have reductions by key. Default: false. */
  readonly tasks?: boolean;
}

interface Totals {
  seeds: number;
  steps: number;
  twice: number;
  readonly fired: Record<string, number>;
  readonly ends: Record<string, number>;
  /** Worlds by their number of jobs. */
  readonly jobs: Record<number, number>;
  /** Worlds by the storage of their outputs. */
  readonly storages: Record<StorageKind, number>;
  /** Worlds whose jobs have reductions by key. */
  tasks: number;
}

const USAGE = `npm run sim -- [options]

Runs the simulator: a job or several, their coordinators and workers, and their faults, from a seed.
A core runs 40 to 100 seeds a second: on two, the usual 2,000 take half a minute, 20,000 some minutes.

  --seeds N       how many seeds to run (2000)
  --from S        the first seed (1)
  --storage KIND  where outputs are: on a disk, in a bucket, or in a bucket with the journal beside them, which
                  coordinators on several machines share (disk, bucket, shared). Default: by the seed
  --jobs N        how many jobs each world has (1, 2 or 3). Default: by the seed
  --tasks WHICH   whether jobs have reductions by key, whose parts workers run (yes, no). Default: by the seed
  --processes N   how many processes run seeds concurrently. Default: one for each core
  --minutes M     stop after M minutes, even if seeds are left
  --regressions   run the kept seeds first
  --explore       continue after each violation, print its replay, and exit with 0
  --from-commit   begin at a seed derived from the current commit
  --log           print what happens: for a few seeds
  --json          one line of JSON at the end`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string" },
    storage: { type: "string" },
    tasks: { type: "string" },
    processes: { type: "string", default: String(availableParallelism()) },
    minutes: { type: "string" },
    regressions: { type: "boolean", default: false },
    explore: { type: "boolean", default: false },
    "from-commit": { type: "boolean", default: false },
    log: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const args = {
  ...values,
  seeds: Number(values.seeds),
  from: values["from-commit"] ? seedOfCommit() : Number(values.from),
  processes: Number(values.processes),
  jobs: values.jobs === undefined ? undefined : Number(values.jobs),
  minutes: values.minutes === undefined ? undefined : Number(values.minutes),
};

process.exitCode = await main();

/** Checks whether the options are valid. */
function isRight(): boolean {
  const { seeds, from, jobs = 1, minutes = 0, processes, storage, tasks } = args;
  // A world without a job breaks no law.
  return (
    [seeds, from].every((value) => Number.isSafeInteger(value) && value >= 0) &&
    [jobs, processes].every((value) => Number.isSafeInteger(value) && value >= 1) &&
    (tasks === undefined || ["yes", "no"].includes(tasks)) &&
    (storage === undefined || (isStorageKind(storage) && mayBe(storage))) &&
    minutes >= 0
  );
}

async function main(): Promise<number> {
  if (args.help || !isRight()) {
    console.log(USAGE);
    return args.help ? 0 : 2;
  }
  const totals: Totals = {
    seeds: 0,
    steps: 0,
    twice: 0,
    fired: {},
    ends: {},
    jobs: {},
    storages: noWorlds(),
    tasks: 0,
  };
  const toRun = await seedsToRun();
  const exploration = args.explore ? new Exploration() : null;
  const mostSeconds = args.minutes === undefined ? Number.POSITIVE_INFINITY : args.minutes * 60;
  using run = new LongRun();
  using running = new SeedProcesses(args.processes);
  for await (const result of running.run(toRun)) {
    if (run.seconds > mostSeconds) break;
    const rate = (totals.seeds / run.seconds).toFixed(1);
    run.at(
      Math.max(totals.seeds / toRun.length, run.seconds / mostSeconds),
      `seed ${result.seed}, ${rate} a second`,
    );
    if (args.log) run.print(result.log.join("\n"));
    add(totals, result);
    if (result.violation !== null && exploration !== null) {
      run.print([...exploration.found(result), replayOf(result)].join("\n"));
      continue;
    }
    if (result.violation !== null) {
      run[Symbol.dispose]();
      return await fail(result, running);
    }
    if (totals.seeds % TWICE_EVERY === 1) {
      totals.twice += 1;
      const { seed, jobs, storage, tasks } = result;
      const again = await running.ask({ seed, options: { jobs, storage, tasks } });
      if (again.trace !== result.trace || again.steps !== result.steps) {
        const code = reportDifference(result, again);
        if (exploration === null) return code;
        exploration.differed();
      }
    }
  }
  const { seconds } = run;
  run[Symbol.dispose]();
  report(totals, seconds);
  if (exploration !== null) console.log(exploration.summary());
  return 0;
}

async function seedsToRun(): Promise<SeedQuestion[]> {
  const storage = isStorageKind(args.storage) ? args.storage : undefined;
  const options: SimulateOptions = { keepLog: args.log, jobs: args.jobs, storage, tasks: chosenTasks() };
  const seeds = Array.from({ length: args.seeds }, (_, index) => ({ seed: args.from + index, options }));
  if (!args.regressions) return seeds;
  const kept = JSON.parse(
    await readFile(join(packageRoot, "sim", "regressions.json"), "utf8"),
  ) as Regression[];
  const first = kept
    .filter(({ storage = "disk" }) => mayBe(storage))
    .map(({ seed, jobs, storage = "disk", tasks = false }) => ({
      seed,
      options: { keepLog: args.log, jobs, storage, tasks },
    }));
  return [...first, ...seeds];
}

function chosenTasks(): boolean | undefined {
  return args.tasks === undefined ? undefined : args.tasks === "yes";
}

function noWorlds(): Totals["storages"] {
  return Object.fromEntries(STORAGE_KINDS.map((kind) => [kind, 0])) as Totals["storages"];
}

function add(totals: Totals, { jobs, storage, tasks, steps, fired, end }: SeedResult): void {
  totals.seeds += 1;
  totals.storages[storage] += 1;
  if (tasks) totals.tasks += 1;
  totals.steps += steps;
  totals.jobs[jobs] = (totals.jobs[jobs] ?? 0) + 1;
  for (const kind of FAULT_KINDS) totals.fired[kind] = (totals.fired[kind] ?? 0) + fired[kind];
  const name = end ?? "broken";
  totals.ends[name] = (totals.ends[name] ?? 0) + 1;
}

/** Runs the same seed again, with its log, and prints the violation. */
async function fail(result: SeedResult, running: SeedProcesses): Promise<number> {
  const { seed, jobs, storage, tasks } = result;
  const { log } = await running.ask({ seed, options: { jobs, storage, tasks, keepLog: true } });
  console.log(log.slice(-LOG_SHOWN).join("\n"));
  const shard = /shard (\d+)/.exec(result.violation?.message ?? "")?.[1];
  if (shard !== undefined) {
    const own = log.filter((line) => new RegExp(`(shard |partials/)${shard}\\b`).test(line));
    console.log(`\nthe log of shard ${shard}:\n${own.slice(-LOG_SHOWN).join("\n")}`);
  }
  console.log(`\nseed ${result.seed} breaks ${result.violation?.law}: ${result.violation?.message}`);
  console.log(`faults: ${JSON.stringify(result.fired)}`);
  console.log(replayOf(result));
  if (args.json) console.log(JSON.stringify({ seed: result.seed, ...result.violation }));
  return 1;
}

function replayOf({ seed, jobs, storage, tasks }: SeedResult): string {
  const world = `--jobs ${jobs} --storage ${storage} --tasks ${tasks ? "yes" : "no"}`;
  return `replay: npm run sim -- --seeds 1 --from ${seed} ${world} --log`;
}

function reportDifference(first: SeedResult, second: SeedResult): number {
  console.log(
    `seed ${first.seed} gave two traces: ${first.trace} in ${first.steps} steps, ${second.trace} in ${second.steps}`,
  );
  console.log(replayOf(first));
  return 1;
}

function report(totals: Totals, seconds: number): void {
  const { seeds, steps, twice, fired, ends, jobs, storages, tasks } = totals;
  if (args.json) {
    console.log(JSON.stringify({ ...totals, seconds }));
    return;
  }
  console.log(
    `${formatCount(seeds)} seeds in ${seconds.toFixed(1)} s: ${(seeds / seconds).toFixed(1)} a second, ${formatCount(steps)} steps`,
  );
  console.log(`${twice} of them run twice, with the same trace`);
  console.log(
    `jobs: ${Object.entries(jobs)
      .map(([count, worlds]) => `${count} in ${formatCount(worlds)} worlds`)
      .join(", ")}`,
  );
  const { disk, bucket, shared } = storages;
  console.log(
    `outputs: ${formatCount(disk)} on a disk, ${formatCount(bucket)} in a bucket, ${formatCount(shared)} with the journal beside them`,
  );
  console.log(`reductions by key: in ${formatCount(tasks)} worlds`);
  console.log(
    `ends: ${Object.entries(ends)
      .map(([end, count]) => `${end} ${formatCount(count)}`)
      .join(", ")}`,
  );
  for (const [kind, count] of Object.entries(fired))
    console.log(`  ${kind.padEnd(24)} ${formatCount(count)}`);
}
