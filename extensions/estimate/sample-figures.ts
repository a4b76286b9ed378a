import type { PlannedJob } from "../../shared/domain/job.ts";
import type { DeadLetter } from "../../shared/domain/partial.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { elementBytes } from "../../shared/domain/texts.ts";
import { STAGES, type StageShares } from "../../shared/domain/worker.ts";
import type { Rate } from "./rate.ts";
import type { SampleRun } from "./run-samples.ts";

/** Of all of this machine's workers together. */
export function speedOf(runs: readonly SampleRun[]): Rate {
  const rates = runs.map(({ rate }) => rate);
  const rowsPerSecond = rates.reduce((sum, rate) => sum + rate.rowsPerSecond, 0);
  // Independent errors add up by their squares.
  const off = Math.hypot(...rates.map((rate) => rate.error * rate.rowsPerSecond));
  return { rowsPerSecond, error: off / rowsPerSecond };
}

/** A share is of the second before its report: those that began before full speed say something else. */
const REPORT_MS = 1_000;

/** The mean busy shares at full speed. */
export function stagesOf(runs: readonly SampleRun[]): StageShares {
  const reported = runs.flatMap(({ marks, warmFrom, result }) => {
    const warmMs = marks[warmFrom]?.[0] ?? 0;
    const shares = result.busy.filter(([atMs]) => atMs - REPORT_MS >= warmMs);
    return (shares.length > 0 ? shares : result.busy.slice(-1)).map(([, share]) => share);
  });
  const mean = (stage: (typeof STAGES)[number]) =>
    reported.reduce((sum, shares) => sum + Math.min(1, shares[stage] ?? 0), 0) / reported.length;
  return reported.length === 0 ? {} : Object.fromEntries(STAGES.map((stage) => [stage, mean(stage)]));
}

/** The share of padded positions in what the lanes ran; null where rows are not of uneven lengths. */
export function paddingOf(runs: readonly SampleRun[]): number | null {
  const sum = (part: "run" | "padded") =>
    runs.reduce((positions, { result }) => positions + result.positions[part], 0);
  return sum("run") > 0 ? sum("padded") / sum("run") : null;
}

/** A kept column's value, about: most are numbers or short texts. */
const KEPT_BYTES = 16;

/**
 * Rows wait in memory until their shard is written: for shards that were cut in the sample, there will be
 * more of them. As many of the input's as the sample has in its output: steps drop rows, or make several of
 * one.
 */
export function cutBytes(
  { shards, map }: Pick<PlannedJob, "shards" | "map">,
  runs: readonly Pick<SampleRun, "result">[],
  slots: number,
): number {
  const partials = runs.flatMap(({ result }) => result.partials);
  const sum = (rows: "rowsIn" | "rowsOut") => partials.reduce((total, partial) => total + partial[rows], 0);
  const outOfIn = sum("rowsIn") === 0 ? 1 : sum("rowsOut") / sum("rowsIn");
  const more = Math.max(0, ...shards.map(shardRows)) - Math.max(0, ...partials.map(({ rowsIn }) => rowsIn));
  const rowBytes = map.outputs.reduce(
    (bytes, { rowValues, dtype }) => bytes + rowValues * elementBytes(dtype),
    KEPT_BYTES * map.keep.length,
  );
  return Math.max(0, more) * outOfIn * rowBytes * slots;
}

/** The mapped rows of a sample of which a text was cut off. */
export interface SampleTruncated {
  readonly rows: number;
  /** The mapped rows of the shards that ended. */
  readonly ofRows: number;
}

/** Null where no text of a sample is cut off. */
export function truncatedOf(runs: readonly Pick<SampleRun, "result">[]): SampleTruncated | null {
  const partials = runs.flatMap(({ result }) => result.partials);
  const rows = partials.reduce((sum, { rowsTruncated }) => sum + rowsTruncated, 0);
  const ofRows = partials.reduce((sum, { rowsMapped }) => sum + rowsMapped, 0);
  return rows === 0 ? null : { rows, ofRows };
}

/** The dead letters among the rows of a sample. */
export interface SampleDead {
  readonly rows: number;
  /** The rows of the shards that ended. */
  readonly ofRows: number;
  readonly first: DeadLetter;
}

/** Null where no row of a sample is one. */
export function deadOf(runs: readonly Pick<SampleRun, "result">[]): SampleDead | null {
  const partials = runs.flatMap(({ result }) => result.partials);
  const first = partials.find(({ firstDead }) => firstDead !== null)?.firstDead ?? null;
  const sum = (rows: "rowsDead" | "rowsIn") => partials.reduce((total, partial) => total + partial[rows], 0);
  return first === null ? null : { rows: sum("rowsDead"), ofRows: sum("rowsIn"), first };
}
