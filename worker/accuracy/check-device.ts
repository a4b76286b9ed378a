import { hostname } from "node:os";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import type { AccuracyLimits, DeviceReport } from "../../shared/domain/accuracy.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { LaneSet } from "../lanes/lane-set.ts";
import type { DataAccess } from "../read/data-access.ts";
import type { CheckKind, JobTuning } from "../tuning/job-tuning.ts";
import type { MachineFacts } from "../tuning/machine-facts.ts";
import { deviceLimits } from "./accuracy-limits.ts";
import type { DeviceCheckThread, DeviceQuestion } from "./compare-device.ts";
import { accuracyProblems, worstText } from "./judge-accuracy.ts";
import type { Comparison } from "./model-pair.ts";
import type { StageModel } from "./open-cpu-stage.ts";

interface CheckDeviceOptions {
  readonly job: Pick<JobDescription, "jobId" | "map" | "stores" | "deviceCheck">;
  /** Models of earlier stages. */
  readonly stages: readonly StageModel[];
  /** Path on this machine. */
  readonly modelPath: string;
  readonly device: ConcreteDevice;
  /** Loaded lanes of the device, which have no work yet. */
  readonly lanes: Pick<LaneSet, "connect">;
  readonly input: readonly [DataAccess, ...DataAccess[]];
  readonly tuning: JobTuning;
  readonly machine: MachineFacts;
}

interface CheckedDevice {
  readonly report: DeviceReport;
  /** Reason to run nothing on the device. Null: the device passed. */
  readonly error: ShardmillError | null;
}

/**
 * Limit after which no further batches are compared. A wrong kernel is wrong on nearly every row, and a short
 * job must not wait long. Loading the model on the CPU, and a batch in progress, take additional time.
 */
const COMPARE_MS = 5_000;

/** Limit of waiting for the thread to end after its response. */
const END_MS = 5_000;

/**
 * Compares a device with the CPU on rows of the job, on the same lanes that will run it. Skips this if an
 * earlier run checked this model on such a device. Failures are not remembered, because a new driver may fix
 * them.
 *
 * @returns null for the CPU, for a job without the check, and when no row can be compared
 * @throws errors of reading the rows or loading the model
 * @throws {WORKER_LOST} when a lane is lost
 */
export async function checkDevice(options: CheckDeviceOptions): Promise<CheckedDevice | null> {
  const { job, device, tuning, machine } = options;
  const spec = job.deviceCheck;
  if (device === "cpu" || spec === null || spec.sample.length === 0) return null;
  const limits = deviceLimits(spec.check, device, spec.isConverted);
  // Lazy: it loads Arrow, which this thread needs for nothing else.
  const { rankedTensors } = await import("./model-pair.ts");
  const kind: CheckKind = { rows: spec.check.rows, ranked: rankedTensors(job.map), limits };
  const known = await tuning.recallCheck(kind);
  if (known !== null) return { report: { ...known, remembered: true, worker: hostname() }, error: null };
  const startMs = performance.now();
  const comparison = await compareInThread(options, spec.sample, limits);
  if (comparison.rows === 0) return null;
  const found: Omit<DeviceReport, "refusal"> = {
    worker: hostname(),
    device,
    gpu: machine.gpu,
    onnxruntimeVersion: machine.onnxruntime,
    remembered: false,
    ...comparison,
    seconds: (performance.now() - startMs) / 1000,
    ...limits,
  };
  const checked = judgeDevice({ ...found, refusal: null });
  if (checked.error === null) await tuning.rememberCheck(kind, checked.report);
  return checked;
}

function judgeDevice(report: DeviceReport): CheckedDevice {
  const problems = accuracyProblems(report);
  const [first] = problems;
  if (first === undefined) return { report, error: null };
  const worst = report.outputs.find(({ tensor }) => tensor === first.where)?.worst[0];
  const place = worst === undefined ? `${first.what} (${first.found})` : worstText(worst);
  const refusal = `output ${first.where}: ${place}`;
  const { device, rows } = report;
  const error = new ShardmillError("DEVICE_WRONG", `${device} gives other numbers than the CPU: ${refusal}`, {
    fields: { device, rows },
    problems,
    hint: "run the job with `model.device: cpu` or another device, or loosen model.check if these rows are right",
  });
  return { report: { ...report, refusal }, error };
}

/** Compares in a separate thread, because reading rows and running a model block. */
async function compareInThread(
  { job, modelPath, stages, lanes, input }: CheckDeviceOptions,
  slices: DeviceQuestion["slices"],
  { tolerance }: AccuracyLimits,
): Promise<Comparison> {
  const lanePorts = lanes.connect();
  const { jobId, map, stores } = job;
  const question: DeviceQuestion = {
    jobId,
    modelPath,
    map,
    stages,
    stores,
    slices,
    input,
    tolerance,
    limitMs: COMPARE_MS,
    lanePorts,
  };
  const link = new ThreadLink(compiledUrl("worker/accuracy/device-check-thread.ts"));
  const thread = new Remote<DeviceCheckThread>(link, { lost: broken });
  try {
    return await thread.call("compare", question, { transfer: lanePorts, signal: NEVER });
  } finally {
    await thread.close(END_MS);
  }
}

function broken(end: RemoteEnd): ShardmillError {
  return new ShardmillError("MODEL_FAILED", `the device check failed: ${endText(end)}`, { cause: end });
}
