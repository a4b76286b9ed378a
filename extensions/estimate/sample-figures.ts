import type { PlannedJob } from "../../shared/domain/job.ts";
import type { DeadLetter } from "../../shared/domain/partial.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { elementBytes } from "../../shared/domain/texts.ts";
import { STAGES, type StageShares } from "../../shared/domain/worker.ts";
import type { Rate } from "./rate.ts";
import type { SampleRun } from "./run-samples.ts";

/** Returns the speed of all workers of this machine together. */
export function speedOf(runs: readonly SampleRun[]): Rate {
  const rates = runs.map(({ rate }) => rate);
  const rowsPerSecond = rates.reduce((sum, rate) => sum + rate.rowsPerSecond, 0);
  // Independent errors add in quadrature.
  const off = Math.hypot(...rates.map((rate) => rate.error * rate.rowsPerSecond));
  return { rowsPerSecond, error: off / rowsPerSecond };
}

/** Period that a reported share covers. A period that began before full speed is ignored. */
const REPORT_MS = 1_000;

/** Returns the mean busy shares at full speed. */
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

/** Returns the share of padded positions in the lanes' work. Null: the rows are even. */
export function paddingOf(runs: readonly SampleRun[]): number | null {
  const sum = (part: "run" | "padded") =>
    runs.reduce((positions, { result }) => positions + result.positions[part], 0);
  return sum("run") > 0 ? sum("padded") / sum("run") : null;
}

/** Approximate size of a kept column's value. Most are numbers or short texts. */
const KEPT_BYTES = 16;

/**
 * Returns the additional memory for shards that the sample cut. Rows stay in memory until their shard is
 * written. Steps drop or multiply rows, so the sample's ratio of output to input rows scales the size.
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

/** Mapped rows of a sample with a truncated text. */
export interface SampleTruncated {
  readonly rows: number;
  /** Mapped rows of the completed shards. */
  readonly ofRows: number;
}

/** Returns the truncated rows of a sample. Null: none. */
export function truncatedOf(runs: readonly Pick<SampleRun, "result">[]): SampleTruncated | null {
  const partials = runs.flatMap(({ result }) => result.partials);
  const rows = partials.reduce((sum, { rowsTruncated }) => sum + rowsTruncated, 0);
  const ofRows = partials.reduce((sum, { rowsMapped }) => sum + rowsMapped, 0);
  return rows === 0 ? null : { rows, ofRows };
}

/** Dead letters of a sample. */
export interface FailedRows {
  readonly rows: number;
  /** Rows of the completed shards. */
  readonly ofRows: number;
  readonly first: DeadLetter;
}

/** Returns the dead letters of a sample. Null: none. */
export function failedRowsOf(runs: readonly Pick<SampleRun, "result">[]): FailedRows | null {
  const partials = runs.flatMap(({ result }) => result.partials);
  const first = partials.find(({ firstDeadLetter }) => firstDeadLetter !== null)?.firstDeadLetter ?? null;
  const sum = (rows: "rowsDeadLettered" | "rowsIn") =>
    partials.reduce((total, partial) => total + partial[rows], 0);
  return first === null ? null : { rows: sum("rowsDeadLettered"), ofRows: sum("rowsIn"), first };
}
