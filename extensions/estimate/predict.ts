import { type AdviceFacts, adviceFor } from "../../coordinator/insight/advice.ts";
import { findBottleneck, type RunUsage } from "../../coordinator/insight/bottleneck.ts";
import { Heap } from "../../shared/core/heap.ts";
import { NO_VERDICT, type RunVerdict } from "../../shared/domain/bottleneck.ts";
import { STAGES, type StageShares, type WorkerInfo } from "../../shared/domain/worker.ts";
import type { FinishTime } from "./finish-sample.ts";
import { whenDone } from "./rate.ts";
import type { Mark } from "./sample-protocol.ts";

/** Measurements and assumptions of a prediction. */
export interface PredictionFacts {
  /** Rows of each shard, in plan order. */
  readonly shardRows: readonly number[];
  /** Number of input files. */
  readonly files: number;
  /** Marks of each worker of one machine since its start, up to full speed. */
  readonly starts: readonly (readonly Mark[])[];
  /** Full speed of one worker while the other workers of its machine are also at full speed. */
  readonly rowsPerSecond: number;
  /** Busy shares at full speed. */
  readonly stages: StageShares;
  readonly padding: number | null;
  readonly finish: FinishTime;
  readonly nodes: number;
  /** Leases that a worker holds at once. */
  readonly slots: number;
  readonly device: WorkerInfo["device"];
  readonly isConverted: boolean;
}

export interface Prediction {
  /** Duration from the start of the job to its end, as in a run's own summary. */
  readonly seconds: number;
  /** Time until the first rows of the first worker. */
  readonly startSeconds: number;
  /** Time after the last shard: reducing and publishing. */
  readonly finishSeconds: number;
  readonly verdict: RunVerdict;
}

/** Predicts a run: the measured start, the assigned shards, and the end. */
export function predict(facts: PredictionFacts): Prediction {
  const rows = facts.shardRows.reduce((sum, count) => sum + count, 0);
  const { endsMs, startMs } = playShards(facts);
  const { files, device, isConverted, padding } = facts;
  const mapMs = Math.max(...endsMs) + writeMs(facts, facts.shardRows.at(-1) ?? 0);
  const finishMs = facts.finish.baseMs + facts.finish.rowMs * rows;
  const starting = endsMs.length * startMs;
  const awaitingShards = endsMs.reduce((sum, endMs) => sum + (mapMs - endMs), 0);
  const working = endsMs.reduce((sum, endMs) => sum + Math.max(0, endMs - startMs), 0);
  const started = working + awaitingShards;
  const usage: RunUsage = {
    mapMs,
    reduceMs: finishMs,
    absentMs: 0,
    doingMs: { starting, working, awaitingShards, awaitingCoordinator: 0 },
    stages: scaled(facts.stages, started > 0 ? working / started : 0),
    loopShare: null,
    shards: facts.shardRows.length,
    slots: facts.slots * endsMs.length,
  };
  return {
    seconds: (mapMs + finishMs) / 1000,
    startSeconds: startMs / 1000,
    finishSeconds: finishMs / 1000,
    verdict: verdictOf(usage, { rows, files, workers: endsMs.length, device, isConverted, padding }),
  };
}

/**
 * Simulates the coordinator: it assigns shards in plan order, up to the slots of each worker. A worker gets
 * another shard whenever one is done, and maps one at a time. Returns the time of each worker's last row, and
 * the earliest first row.
 */
function playShards({ shardRows, starts, rowsPerSecond, nodes, slots }: PredictionFacts) {
  const workers = Array.from({ length: nodes * starts.length }, (_, index) => ({
    start: starts[index % starts.length] ?? [],
    rows: 0,
    held: [] as number[],
    endMs: 0,
  }));
  type Worker = (typeof workers)[number];
  const doneMs = ({ start, rows, held }: Worker) => whenDone(start, rows + (held[0] ?? 0), rowsPerSecond);
  const next = new Heap<{ readonly worker: Worker; readonly atMs: number }>((a, b) => a.atMs - b.atMs);
  let given = 0;
  for (let slot = 0; slot < slots; slot += 1) {
    for (const worker of workers) {
      const rows = shardRows[given];
      if (rows === undefined) break;
      worker.held.push(rows);
      given += 1;
    }
  }
  for (const worker of workers) if (worker.held.length > 0) next.push({ worker, atMs: doneMs(worker) });
  for (let event = next.pop(); event !== undefined; event = next.pop()) {
    const { worker, atMs } = event;
    worker.rows += worker.held.shift() ?? 0;
    worker.endMs = atMs;
    const rows = shardRows[given];
    if (rows !== undefined) {
      worker.held.push(rows);
      given += 1;
    }
    if (worker.held.length > 0) next.push({ worker, atMs: doneMs(worker) });
  }
  const firstMs = starts.map((marks) => marks.find(([, rows]) => rows > 0)?.[0] ?? 0);
  return { endsMs: workers.map(({ endMs }) => endMs), startMs: Math.min(...firstMs) };
}

/** Returns the time to write the last shard's files, which no other shard overlaps. */
function writeMs({ stages, rowsPerSecond }: PredictionFacts, rows: number): number {
  return (((stages.encode ?? 0) + (stages.store ?? 0)) * rows * 1000) / rowsPerSecond;
}

function scaled(stages: StageShares, factor: number): StageShares {
  return Object.fromEntries(
    STAGES.map((stage) => [stage, Math.round((stages[stage] ?? 0) * factor * 1e3) / 1e3]),
  );
}

function verdictOf(
  usage: RunUsage,
  about: Pick<AdviceFacts, "rows" | "files" | "workers" | "device" | "isConverted" | "padding">,
): RunVerdict {
  const bottleneck = findBottleneck(usage);
  const { padding } = about;
  if (bottleneck === null) return { ...NO_VERDICT, stages: usage.stages, padding };
  return {
    ...NO_VERDICT,
    bottleneck,
    stages: usage.stages,
    padding,
    // The plan itself reports a fixed batch size.
    advice: adviceFor(bottleneck, { ...about, batch: null, workersHere: null, stores: [], tasks: [], usage }),
  };
}
