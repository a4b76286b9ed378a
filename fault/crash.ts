import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { LongRun } from "../sim/long-run.ts";
import { CrashBench, type CrashResult } from "./crash-bench.ts";
import { CrashTable } from "./crash-table.ts";
import { openOwnRoom } from "./own-room.ts";

/**
 * `npm run crash`: kills a process at its first point, its second, and so on, until a run meets none; after
 * each, the job goes on, and must publish what an undisturbed run publishes, byte for byte.
 */
const SERIES = ["coordinator", "worker", "worker-calls"] as const;
type Series = (typeof SERIES)[number];

const args = await yargs(hideBin(process.argv))
  .scriptName("npm run crash --")
  .usage(
    "$0 [--series NAME] [--every K] [--from N] [--count C]\n\nkill -9 at every point, then resume. " +
      "There are some 550 points, of two to three seconds each: all of them take about half an hour.",
  )
  .option("series", { choices: SERIES, describe: "Only these points (left out: all three series)" })
  .option("every", { type: "number", default: 1, describe: "Only every K-th point" })
  .option("from", { type: "number", default: 1, describe: "The first point" })
  .option("count", { type: "number", default: 100_000, describe: "At most so many points a series" })
  .strict()
  .parseAsync();

function dieAt(bench: CrashBench, series: Series, at: number): Promise<CrashResult> {
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

await using _room = await openOwnRoom();
await using bench = await CrashBench.open();
using run = new LongRun();
const chosen = args.series === undefined ? SERIES : [args.series];
run.at(null, "counts the points");
const counts = new Map<Series, number>();
for (const series of chosen) {
  await dieAt(bench, series, 0);
  const points = Math.ceil(((await bench.countPoints()) - args.from + 1) / args.every);
  counts.set(series, Math.min(args.count, Math.max(1, points)));
}
const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
let failed = false;
let before = 0;
for (const series of chosen) {
  const table = new CrashTable(series);
  for (let tried = 0; tried < args.count; tried += 1) {
    const at = args.from + tried * args.every;
    run.at((before + tried) / total, `${series}, point ${at}`);
    const { point, again, problems } = await dieAt(bench, series, at);
    if (problems.length > 0) {
      failed = true;
      run.print(`DIFFERENT after ${series} point ${at} (${point ?? "not reached"}):`);
      for (const problem of problems) run.print(`  ${problem}`);
      run.print(`run it again: npm run crash -- --series ${series} --from ${at} --count 1`);
    }
    if (point === null) break;
    table.add(point, again);
  }
  before += counts.get(series) ?? 0;
  run.print(table.text());
}
run[Symbol.dispose]();
console.log(`${run.seconds.toFixed(0)} s`);
process.exitCode = failed ? 1 : 0;
