import type { TableData } from "../cli/render/table.ts";
import { addedPercent, median, note, round } from "./report.ts";
import { type TimedRunOptions, timedRun } from "./timed-run.ts";

export interface Variant {
  readonly name: string;
  readonly run: TimedRunOptions;
}

/**
 * Runs every variant once a round, and compares each with the first of the same round: what else the machine does meanwhile
 * weighs on both.
 */
export async function pairedRuns(variants: readonly Variant[], rounds: number): Promise<TableData> {
  const found = variants.map(({ name }) => ({
    name,
    seconds: [] as number[],
    added: [] as number[],
    extra: [] as number[],
  }));
  for (let at = 0; at < rounds; at += 1) {
    for (const [index, { name, run }] of variants.entries()) {
      const { seconds, attempts } = await timedRun(run);
      found[index]?.seconds.push(seconds);
      found[index]?.added.push(addedPercent(seconds, found[0]?.seconds[at] ?? seconds));
      found[index]?.extra.push(attempts - run.shards);
      note(`round ${at + 1}, ${name}: ${seconds.toFixed(1)} s, ${attempts} attempts`);
    }
  }
  return {
    columns: ["workers", "median s", "added %, paired median", "added %, each round", "extra attempts"],
    rows: found.map(({ name, seconds, added, extra }) => [
      name,
      round(median(seconds)),
      round(median(added)),
      added.join(", "),
      extra.join(", "),
    ]),
  };
}
