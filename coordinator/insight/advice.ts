import { assertNever } from "../../shared/core/assert.ts";
import { formatCount } from "../../shared/core/units.ts";
import { type BatchInUse, FEW_ROWS } from "../../shared/domain/batch-in-use.ts";
import type { Bottleneck } from "../../shared/domain/bottleneck.ts";
import { CONVERSION } from "../../shared/domain/conversion.ts";
import type { TaskRun } from "../../shared/domain/task-run.ts";
import type { StageShares, WorkerInfo } from "../../shared/domain/worker.ts";
import { heavyKeyText } from "../../shared/terminal/task-text.ts";
import type { RunUsage } from "./bottleneck.ts";
import { storeAdvice, storeInUse } from "./store-advice.ts";
import type { StoreRate } from "./store-rates.ts";

/** Facts that the advice depends on, besides the bottleneck. */
export interface AdviceFacts {
  readonly usage: Pick<RunUsage, "stages" | "absentMs" | "doingMs" | "shards" | "slots">;
  readonly rows: number;
  /** Number of input files. */
  readonly files: number;
  readonly padding: number | null;
  /** Batch as the workers make it. Null before the first one. */
  readonly batch: BatchInUse | null;
  /** Most workers that were connected at once. */
  readonly workers: number;
  /** Connected workers of a running job. Null: the job is not running. */
  readonly workersHere: number | null;
  readonly device: WorkerInfo["device"] | null;
  readonly isConverted: boolean;
  /** Rates of the stores that the job used. */
  readonly stores: readonly StoreRate[];
  /** Tasks of reductions by key. */
  readonly tasks: readonly TaskRun[];
}

/** Share of padding from which batches of similar lengths save more than most hardware changes. */
const MUCH_PADDING = 0.2;
/** Share of other stages from which they noticeably compete with inference for CPU cores. */
const MUCH_OUTSIDE = 0.3;
/** Limit of rows a file: with fewer rows, opening the file takes longer than its rows. */
const FEW_ROWS_A_FILE = 256;
/** A shard of fewer rows costs more to lease, store and commit than to map. */
const FEW_ROWS_A_SHARD = 64;
/** Shards that each slot should get, so that the last round is a small part of the run. */
const ROUNDS = 8;

/** Returns advice for a run that `bottleneck` limits: one sentence, with the options and keys to change. */
export function adviceFor(bottleneck: Bottleneck, facts: AdviceFacts): string {
  if (facts.workersHere === 0) return NO_WORKER;
  const advice = usualAdvice(bottleneck, facts);
  return BY_BATCH.has(bottleneck) ? `${fixedBatchAdvice(facts.batch)}${advice}` : advice;
}

const NO_WORKER =
  "no worker is connected: start one with `shardmill worker --coordinator HOST:PORT`, and add --tls-ca FILE if the coordinator uses TLS";

/** Stages that cost less per row in large batches. */
const BY_BATCH: ReadonlySet<Bottleneck> = new Set(["infer", "tensorize", "collect"]);

function fixedBatchAdvice(batch: BatchInUse | null): string {
  if (batch?.bound !== "model" || batch.rows >= FEW_ROWS) return "";
  const rows = batch.rows === 1 ? "1 row" : `${batch.rows} rows`;
  return `the model's batch is fixed to ${rows}: export it with an open batch dimension, so that many rows run at once; otherwise, `;
}

function usualAdvice(bottleneck: Bottleneck, facts: AdviceFacts): string {
  if (!NOT_BY_SHARD.has(bottleneck) && hasTinyShards(facts)) return tinyShardsAdvice(facts);
  const isInput = bottleneck === "read" || bottleneck === "decode";
  if (isInput && facts.files > 1 && facts.rows / facts.files < FEW_ROWS_A_FILE)
    return smallFilesAdvice(facts);
  switch (bottleneck) {
    case "infer":
      return inferAdvice(facts);
    case "read":
      return (
        storeAdvice("read", facts.stores) ??
        "the workers wait for input bytes: move the data nearer or to faster storage, or run more workers"
      );
    case "decode":
      return "decoding the input is the bottleneck: store only the columns that the job uses, compress them less, or give each worker more --shard-threads";
    case "prepare":
      return stepsAdvice("map.prepare");
    case "finish":
      return stepsAdvice("map.finish");
    case "tensorize":
      return "converting columns to tensors is the bottleneck: store fixed-size lists of the type that the model takes, or give each worker more --shard-threads";
    case "collect":
      return "converting outputs to columns is the bottleneck: keep fewer columns and outputs, or let the model reduce them itself (argmax, pooling)";
    case "encode":
      return "encoding the output's files is the bottleneck: keep fewer columns, choose ops over raw outputs, or set output.rows to arrow or none";
    case "store":
      return (
        storeAdvice("store", facts.stores) ??
        "storing the output is the bottleneck: move output.path to faster storage, or keep fewer columns"
      );
    case "start":
      return startAdvice(facts);
    case "shards":
      return shardsAdvice(facts);
    case "coordinator":
      return "the workers wait for the coordinator: use fewer and larger shards (input.shardRows), or give it a faster core and disk";
    case "reduce":
      return reduceAdvice(facts);
    default:
      return assertNever(bottleneck);
  }
}

/** Returns the advice for a job that mostly reduces. Names the heaviest key of uneven tasks. */
function reduceAdvice({ tasks }: AdviceFacts): string {
  const heavy = tasks.find(({ heavyKeys }) => heavyKeys.length > 0);
  const [key] = heavy?.heavyKeys ?? [];
  if (heavy === undefined || key === undefined)
    return "the work after the last shard is the bottleneck: its share falls with more rows, `combine` does part of a reduction earlier, and `by` divides it";
  return `the work after the last shard is the bottleneck, and in reduce.${heavy.reduction} ${heavyKeyText(key, heavy.rowsRead)}: reduce its rows earlier with \`combine\`, drop them with \`where\`, or name more columns in \`by\``;
}

/** Bottlenecks that larger shards do not change, or make worse. */
const NOT_BY_SHARD: ReadonlySet<Bottleneck> = new Set(["start", "shards", "reduce"]);

function hasTinyShards({ rows, usage: { shards, slots } }: AdviceFacts): boolean {
  return rows / Math.max(1, shards) < FEW_ROWS_A_SHARD && shards > 2 * ROUNDS * Math.max(1, slots);
}

function tinyShardsAdvice({ rows, usage: { shards, slots } }: AdviceFacts): string {
  const average = formatCount(Math.max(1, Math.round(rows / shards)));
  const shardRows = roundDown(rows / Math.max(1, slots * ROUNDS));
  return `${formatCount(shards)} shards of ${average} ${average === "1" ? "row" : "rows"} cost more to assign and commit than to map: raise input.shardRows to about ${shardRows}, or remove it`;
}

function stepsAdvice(key: string): string {
  return `the steps of ${key} are the bottleneck: compute less in them, with fewer and smaller columns (columns that are only named cost nothing), or run the job on more cores`;
}

function smallFilesAdvice({ rows, files, stores }: AdviceFacts): string {
  const average = formatCount(Math.max(1, Math.round(rows / files)));
  const store = storeInUse("read", stores);
  const place = store === null ? "" : ` of ${store}`;
  return `opening ${formatCount(files)} files of ${average} rows${place} is the bottleneck: write the input as fewer, larger files`;
}

function inferAdvice({ usage, padding, device, isConverted }: AdviceFacts): string {
  if (padding !== null && padding > MUCH_PADDING) {
    return `the model is the bottleneck, and ${percent(padding)} of its input is padding: sort the input by length, or limit map.batch.tokens`;
  }
  const isCpu = device === "cpu";
  const ways = [
    ...(isCpu ? ["a GPU", "more machines"] : ["more devices"]),
    ...(CONVERSION === null || isConverted
      ? []
      : [`model.${CONVERSION.key} ${CONVERSION.faster[isCpu ? "cpu" : "other"]}`]),
    "or a smaller model",
  ];
  const isShared = isCpu && outsideInfer(usage.stages) > MUCH_OUTSIDE;
  return `the model is the bottleneck${isShared ? " (other stages share its cores)" : ""}: use ${ways.join(", ")}`;
}

function outsideInfer(stages: StageShares): number {
  return Object.entries(stages).reduce((sum, [stage, share]) => sum + (stage === "infer" ? 0 : share), 0);
}

function startAdvice({ usage: { absentMs, doingMs } }: AdviceFacts): string {
  if (absentMs > doingMs.starting) {
    return "no worker was connected for most of the time: for many short jobs, keep `shardmill coordinator` and `shardmill worker` running";
  }
  return "the workers were starting for most of the time: this share falls with more rows, and for many short jobs, keep a coordinator and its workers running";
}

function shardsAdvice({ rows, workers, usage: { shards, slots } }: AdviceFacts): string {
  const has = `${shards} ${shards === 1 ? "shard is" : "shards are"} too few for ${workers} ${workers === 1 ? "worker" : "workers"}`;
  const shardRows = roundDown(rows / Math.max(1, slots * ROUNDS));
  const ways = [
    ...(rows / Math.max(1, shards) > shardRows ? [`set input.shardRows to about ${shardRows}`] : []),
    ...(workers > 1 ? ["use fewer workers"] : []),
  ];
  return ways.length === 0 ? `${has}: with more rows, this matters less` : `${has}: ${ways.join(", or ")}`;
}

/** Rounds down to two digits, because the value is for users to type. */
function roundDown(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 1);
  return Math.max(1, Math.floor(value / unit) * unit);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
