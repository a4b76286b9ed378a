import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { JobRun } from "./run-job.ts";
import { WORKLOAD_NAMES, type WorkloadName } from "./workloads.ts";

/** Checks of a device, in their order. */
export const CHECKS = [
  "golden",
  ...WORKLOAD_NAMES,
  "busy",
  "placement",
  "fp16",
  "lanes",
  "halving",
  "restart",
  "mig",
] as const;
export type CheckName = (typeof CHECKS)[number];

/** Sentences about the checks, for people. */
export const CHECK_SAYS: Readonly<Record<CheckName, string>> = {
  golden: "a small model gives the right numbers",
  digits: "a job with small rows",
  encoder: "a job with texts of uneven length",
  classifier: "a job with small images",
  photographs: "a job with JPEG files",
  busy: "busy share of the GPU in these jobs",
  placement: "operators on the device, and copies between device and host",
  fp16: "speed with float16 weights",
  lanes: "memory with one and two lanes",
  halving: "smaller batches after a lack of memory",
  restart: "restart of a killed worker",
  mig: "work on a part of a GPU",
};

/**
 * Shares of the checks in a device's time, by the jobs that each runs. So a slow check leaves time for the
 * others. 0: it measures nothing.
 */
const CHECK_SHARES: Readonly<Record<CheckName, number>> = {
  ...{ golden: 40, digits: 40, encoder: 50, classifier: 45, photographs: 50, busy: 0 },
  ...{ placement: 30, fp16: 90, lanes: 40, halving: 20, restart: 40, mig: 0 },
};

/** Returns the share of a check in the time that is left for it and for later checks. */
export function shareOfTime(check: CheckName, leftMs: number, waiting: readonly CheckName[]): number {
  const all = waiting.reduce((sum, each) => sum + CHECK_SHARES[each], 0);
  return all === 0 ? leftMs : (leftMs * CHECK_SHARES[check]) / all;
}

/** Outcome of a check. Figures that are unknown are absent. */
export interface Outcome {
  readonly verdict: "ok" | "failed" | "not measured" | "not available";
  /** Result in a sentence, or the reason why there is none. */
  readonly detail: string;
  /** Remedy. Null: none is needed or known. */
  readonly hint: string | null;
  readonly figures: Readonly<Record<string, number | string>>;
}

/** Outcome with the time that its check took. */
export type TimedOutcome = Outcome & { readonly seconds: number };

/** Checks of one device, or of one GPU. */
export interface DeviceReport {
  readonly device: ConcreteDevice;
  readonly gpu: { readonly name: string; readonly uuid: string } | null;
  readonly seconds: number;
  /** True when a signal or a crash stopped the checks. */
  readonly interrupted: boolean;
  readonly checks: Readonly<Record<CheckName, TimedOutcome>>;
}

type Figures = Readonly<Record<string, number | string | null | undefined>>;

/** Makes an outcome, without its unknown figures. */
export function outcome(
  verdict: Outcome["verdict"],
  detail: string,
  { hint = null, figures = {} }: { readonly hint?: string | null; readonly figures?: Figures } = {},
): Outcome {
  const known = Object.entries(figures).filter(
    (entry): entry is [string, number | string] => entry[1] !== null && entry[1] !== undefined,
  );
  return { verdict, detail, hint, figures: Object.fromEntries(known) };
}

/** Facts that decide which checks a device supports. */
export interface CheckedDevice {
  readonly device: ConcreteDevice;
  /** UUID by which a driver of GPUs knows the device. Null: no driver does. */
  readonly gpu: string | null;
  /** Keys of inputs that extensions make from files. */
  readonly fileKeys: readonly string[];
  /** True when models can be converted. */
  readonly converts: boolean;
}

/** Returns the reason why a check cannot run on this device. Null: it can. */
export function whyUnavailable(check: CheckName, checked: CheckedDevice): string | null {
  const { device, gpu, fileKeys, converts } = checked;
  const noDriver = device === "cpu" ? "a CPU is no GPU" : `no driver of GPUs reports on ${device}`;
  switch (check) {
    case "photographs":
      return fileKeys.includes("image") ? null : "this build has no inputs of images";
    case "busy":
      return gpu === null ? noDriver : null;
    case "placement":
      return device === "cpu" ? "nothing is copied between a CPU and its host" : null;
    case "fp16":
      if (!converts) return "this build has no conversion of models";
      return device === "cpu" ? "a CPU computes float16 as float32, and gains no time" : null;
    case "mig":
      if (gpu === null) return noDriver;
      return gpu.startsWith("MIG-") ? null : "the GPU is not partitioned (MIG is off)";
    default:
      return null;
  }
}

/** Facts of a job that ran, for its verdict. */
export interface JobFacts {
  readonly run: Pick<JobRun, "rowsPerSecond" | "lanes" | "batch" | "learned" | "gpuBusy" | "manifest">;
  readonly loop: { readonly rowsPerSecond: number; readonly batchRows: number };
  readonly rows: number;
  /** Fault of the rows of the output. Null: each row is there once. */
  readonly rowsFault: string | null;
  readonly worstError: number;
  readonly tolerance: number;
}

/** Judges a job by its rows. Its speed is a figure, and no speed fails a check. */
export function judgeJob({ run, loop, rows, rowsFault, worstError, tolerance }: JobFacts): Outcome {
  const rate = run.rowsPerSecond;
  const figures = {
    rows,
    rowsPerSecond: rate === null ? null : round(rate),
    loopRowsPerSecond: round(loop.rowsPerSecond),
    ofLoop: rate === null ? null : round(rate / loop.rowsPerSecond),
    batchRows: run.batch?.rows,
    batchBound: run.batch?.bound,
    foundBatch: run.learned.units,
    loopBatchRows: loop.batchRows,
    lanes: run.lanes === 0 ? null : run.lanes,
    gpuBusy: run.gpuBusy === null ? null : round(run.gpuBusy),
    worstError: round(worstError),
    bottleneck: run.manifest.bottleneck,
  };
  if (rowsFault !== null)
    return outcome("failed", rowsFault, { hint: "report this: no row may be lost or doubled", figures });
  if (worstError > tolerance) {
    const detail = `its numbers differ from the CPU's by ${round(worstError)} (at most ${tolerance} is expected)`;
    return outcome("failed", detail, { hint: "update the driver, or use another device", figures });
  }
  return outcome("ok", `all ${rows} rows, and the CPU's numbers`, { figures });
}

/** Facts of a job whose first batches did not fit in memory. */
interface HalvingFacts {
  readonly device: ConcreteDevice;
  /** Fault of its rows. Null: none. */
  readonly fault: string | null;
  /** Rows of the first batches. */
  readonly from: number;
  /** Limit of later batches. Null: no lack of memory was noticed. */
  readonly to: number | null;
}

/** Judges a job that runs out of memory. Without the right error, batches are halved as for bad rows. */
export function judgeHalving({ device, fault, from, to }: HalvingFacts): Outcome {
  const figures = { batchRows: from, halvedTo: to };
  if (fault !== null) return outcome("failed", fault, { figures });
  if (to !== null)
    return outcome("ok", "batches that did not fit were halved, and later ones were smaller", { figures });
  const detail = `the error of ${device} does not say that memory lacks, so later batches were as large`;
  return outcome("failed", detail, {
    hint: "set map.batch.rows to a number that fits, and report this",
    figures,
  });
}

/** Rounds to three digits. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** Returns true when a check of any device failed, or has no result although the device could have one. */
export function hasFailed(reports: readonly DeviceReport[]): boolean {
  const isBad = ({ verdict }: Outcome) => verdict === "failed" || verdict === "not measured";
  return reports.some(({ checks }) => Object.values(checks).some(isBad));
}

/** Checks whether a check is a job over a workload. */
export function isWorkload(check: CheckName): check is WorkloadName {
  return (WORKLOAD_NAMES as readonly string[]).includes(check);
}
