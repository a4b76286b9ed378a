import type { TableData } from "../../shared/terminal/table.ts";
import type { Bar, BarPlot } from "../report/bar-plot.ts";
import { addedPercent, median, note, round } from "../report/report.ts";
import { roundsBar } from "../report/rounds-bar.ts";
import { type TimedRunOptions, timedRun } from "./timed-run.ts";

export interface Variant {
  readonly name: string;
  readonly run: TimedRunOptions;
}

/** Figures of one variant, one a round. */
interface PairedFigures {
  readonly name: string;
  readonly seconds: readonly number[];
  /** Percent above the first variant of the same round. */
  readonly added: readonly number[];
  /** Attempts beyond one for each shard. */
  readonly extra: readonly number[];
}

/**
 * Runs every variant once a round, and compares each with the first of the same round. Other load on the
 * machine then affects both.
 */
export async function pairedRuns(variants: readonly Variant[], rounds: number): Promise<PairedFigures[]> {
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
  return found;
}

export function pairedTable(found: readonly PairedFigures[]): TableData {
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

interface PairedPlotOptions {
  readonly title: string;
  readonly about: string;
  /** Allowed percent above the first variant, by name of the variant. Missing: no aim. */
  readonly aims: Readonly<Record<string, number>>;
}

/** Plots the seconds of each variant. Later ones also show the percentage above the first of their round. */
export function pairedPlot(
  found: readonly PairedFigures[],
  { title, about, aims }: PairedPlotOptions,
): BarPlot {
  const base = median(found[0]?.seconds ?? []);
  const bars = found.map(({ name, seconds, added }, index): Bar => {
    const bar = roundsBar(name, seconds);
    if (index === 0) return bar;
    const percent = median(added);
    const text = `${secondsText(bar.value)} (${percent < 0 ? "" : "+"}${percent.toFixed(1)} %)`;
    const aim = aims[name];
    return { ...bar, tone: 1, text, ...(aim === undefined ? {} : { aim: base * (1 + aim / 100) }) };
  });
  return {
    title,
    about: [about, "Median and range of the rounds; in brackets the median of what each round added."],
    groups: [{ title: "seconds of the job", bars }],
    scale: "shared",
    format: secondsText,
  };
}

function secondsText(seconds: number): string {
  return `${seconds.toFixed(1)} s`;
}
