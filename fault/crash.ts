import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { LongRun } from "../sim/long-run.ts";
import { CRASH_STORAGES, CrashBench, type CrashResult, type CrashStorage } from "./crash-bench.ts";
import { CrashTable } from "./crash-table.ts";
import { openOwnTempFolder } from "./own-temp-folder.ts";

/**
 * `npm run crash`: kills a process at its first point, its second, and so on, until a run has no such point.
 * After each crash the job is resumed. It must publish the same bytes as an undisturbed run.
 */
const SERIES = ["coordinator", "worker", "worker-calls"] as const;
type Series = (typeof SERIES)[number];

const args = await yargs(hideBin(process.argv))
  .scriptName("npm run crash --")
  .usage(
    "$0 [--storage KIND] [--series NAME] [--every K] [--from N] [--count C]\n\n" +
      "kill -9 at every point, then resume. There are some 1,200 points, of two to three seconds each: all of " +
      "them take about an hour.",
  )
  .option("storage", { choices: CRASH_STORAGES, describe: "Where outputs are. Default: both" })
  .option("series", { choices: SERIES, describe: "Only these points. Default: all three series" })
  .option("every", { type: "number", default: 1, describe: "Only every K-th point" })
  .option("from", { type: "number", default: 1, describe: "The first point" })
  .option("count", { type: "number", default: 100_000, describe: "Most points of each series" })
  .strict()
  .parseAsync();

interface Leg {
  readonly storage: CrashStorage;
  readonly series: Series;
  readonly bench: CrashBench;
  /** Approximate number of points to try. */
  readonly points: number;
}

function dieAt({ bench, series }: Omit<Leg, "points">, at: number): Promise<CrashResult> {
  switch (series) {
    case "coordinator":
      return bench.coordinatorDiesAt(at);
    case "worker":
      return bench.workerDiesAt(at, "files");
    case "worker-calls":
      return bench.workerDiesAt(at, "calls");
    default:
      return series satisfies never;
  }
}

await using _folder = await openOwnTempFolder();
const benches: CrashBench[] = [];
await using _benches = {
  async [Symbol.asyncDispose]() {
    for (const bench of benches) await bench[Symbol.asyncDispose]();
  },
};
using run = new LongRun();
run.at(null, "counts the points");
const legs: Leg[] = [];
for (const storage of args.storage === undefined ? CRASH_STORAGES : [args.storage]) {
  const bench = await CrashBench.open(storage);
  benches.push(bench);
  for (const series of args.series === undefined ? SERIES : [args.series]) {
    await dieAt({ storage, bench, series }, 0);
    const points = Math.ceil(((await bench.countPoints()) - args.from + 1) / args.every);
    legs.push({ storage, bench, series, points: Math.min(args.count, Math.max(1, points)) });
  }
}
const total = legs.reduce((sum, { points }) => sum + points, 0);
let failed = false;
let before = 0;
for (const leg of legs) {
  const { storage, series, points } = leg;
  const table = new CrashTable(`${storage}: ${series}`);
  for (let tried = 0; tried < args.count; tried += 1) {
    const at = args.from + tried * args.every;
    run.at((before + tried) / total, `${storage}, ${series}, point ${at}`);
    const { point, again, problems } = await dieAt(leg, at);
    if (problems.length > 0) {
      failed = true;
      run.print(`DIFFERENT after ${storage}, ${series} point ${at} (${point ?? "not reached"}):`);
      for (const problem of problems) run.print(`  ${problem}`);
      const same = `--storage ${storage} --series ${series} --from ${at} --count 1`;
      run.print(`run it again: npm run crash -- ${same}`);
    }
    if (point === null) break;
    table.add(point, again);
  }
  before += points;
  run.print(table.text());
}
run[Symbol.dispose]();
console.log(`${run.seconds.toFixed(0)} s`);
process.exitCode = failed ? 1 : 0;
