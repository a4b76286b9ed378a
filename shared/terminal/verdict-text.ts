import type { Bottleneck, RunVerdict } from "../domain/bottleneck.ts";
import { STAGES, type Stage, type StageShares } from "../domain/worker.ts";
import { batchText } from "./batch-text.ts";
import { oneLine } from "./text.ts";

const OTHER_LIMITS = {
  start: "start-up",
  shards: "too few shards",
  coordinator: "the coordinator",
  reduce: "reducing",
} as const satisfies Record<Exclude<Bottleneck, Stage>, string>;

/** Least busy share of a shown stage. */
const LEAST_SHOWN = 0.005;

/** Formats the limit of a run: `infer (93 % busy)`, `too few shards`. Null: unknown. */
export function bottleneckText({
  bottleneck,
  stages,
}: Pick<RunVerdict, "bottleneck" | "stages">): string | null {
  if (bottleneck === null) return null;
  if (!isStage(bottleneck)) return OTHER_LIMITS[bottleneck];
  const share = stages[bottleneck];
  return share === undefined ? bottleneck : `${bottleneck} (${percentText(share)} busy)`;
}

/**
 * Formats the busy stages in order: `read 2 %, decode 21 %, infer 93 % of a worker's time, concurrently`.
 * Null: unknown.
 */
function stagesText(stages: StageShares): string | null {
  const shown = STAGES.filter((stage) => (stages[stage] ?? 0) >= LEAST_SHOWN);
  if (shown.length === 0) return null;
  const shares = shown.map((stage) => `${stage} ${percentText(stages[stage] ?? 0)}`).join(", ");
  return `${shares} of a worker's time${shown.length > 1 ? ", concurrently" : ""}`;
}

/** Returns the lines that describe a verdict in full, for people: see `labelled`. */
export function verdictEntries(verdict: RunVerdict): [label: string, value: string | null][] {
  const { padding, batch, advice, stages } = verdict;
  return [
    ["limited by", bottleneckText(verdict)],
    ["busy", stagesText(stages)],
    ["padding", padding === null ? null : percentText(padding)],
    ["batch", batch === null ? null : batchText(batch)],
    ["advice", advice === null ? null : oneLine(advice)],
  ];
}

export function percentText(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function isStage(bottleneck: Bottleneck): bottleneck is Stage {
  return STAGES.some((stage) => stage === bottleneck);
}
