import { availableParallelism } from "node:os";
import type { ErrorData, ShardmillError } from "../core/errors.ts";
import { compiledUrl } from "../core/package-root.ts";
import { CONCRETE_DEVICES, type ConcreteDevice } from "../domain/device.ts";
import { deviceUnavailable, tidyMessage } from "./classify-error.ts";
import { DEVICE_TRAITS, existsOn } from "./devices.ts";
import { type IsolatedResult, runIsolated } from "./isolated.ts";
import { PROBE_BIAS, PROBE_INPUT, PROBE_WEIGHTS } from "./probe-model.ts";

export interface DeviceProbe {
  readonly device: ConcreteDevice;
  /** True when the device loaded a model, computed it, and returned the right numbers. */
  readonly ok: boolean;
  /** Time to load the model. Null: loading failed. */
  readonly loadMs: number | null;
  readonly runMs: number | null;
  /** Outcome in one sentence. */
  readonly detail: string;
  /** Remedy: what to install or change. Null when ok. */
  readonly hint: string | null;
}

export interface ProbeOptions {
  readonly signal: AbortSignal;
  readonly limitMs?: number;
  /** Environment of the child: tests hide or show drivers with it. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Message to the probe's process. */
export interface ProbeQuestion {
  readonly device: ConcreteDevice;
}

/** Message from the probe's process. */
export type ProbeAnswer =
  | {
      readonly kind: "ran";
      readonly loadMs: number;
      readonly runMs: number;
      readonly values: readonly number[];
    }
  | { readonly kind: "failed"; readonly error: ErrorData };

/**
 * Limit of a probe. Loading CUDA's libraries from a cold network disk takes ten seconds and more, and
 * TensorRT first builds an engine. A driver that needs longer for two rows is unfit for a job.
 */
const PROBE_LIMIT_MS = 60_000;

/**
 * Checks that `device` works on this machine. Loads a tiny model, runs it, and checks its numbers. Uses a
 * separate process, because a provider may crash or hang it. Never throws for a broken device.
 */
export async function probeDevice(device: ConcreteDevice, options: ProbeOptions): Promise<DeviceProbe> {
  if (!existsOn(device, process.platform)) {
    return failedProbe(device, `onnxruntime-node has no ${device} on ${process.platform}`, process.env);
  }
  const question: ProbeQuestion = { device };
  const result = await runIsolated({
    script: compiledUrl("shared/onnx/probe-process.ts"),
    argument: question,
    limitMs: options.limitMs ?? PROBE_LIMIT_MS,
    signal: options.signal,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  return readProbe(device, result, options.env ?? process.env);
}

/** Probes every device of this platform, at most one a core at once. Returns them in the table's order. */
export async function probeDevices(options: ProbeOptions): Promise<readonly DeviceProbe[]> {
  const waiting = CONCRETE_DEVICES.filter((device) => existsOn(device, process.platform));
  const probes = new Map<ConcreteDevice, DeviceProbe>();
  const queue = [...waiting];
  const probeNext = async () => {
    for (let device = queue.shift(); device !== undefined; device = queue.shift()) {
      probes.set(device, await probeDevice(device, options));
    }
  };
  await Promise.all(Array.from({ length: Math.min(queue.length, availableParallelism()) }, probeNext));
  return waiting.map((device) => probes.get(device)).filter((probe) => probe !== undefined);
}

/** Returns the error for a job whose requested device failed its probe. */
export function probeError(probe: DeviceProbe): ShardmillError {
  return deviceUnavailable(probe.device, probe.detail);
}

function readProbe(device: ConcreteDevice, result: IsolatedResult, env: NodeJS.ProcessEnv): DeviceProbe {
  const failed = (detail: string) => failedProbe(device, detail, env);
  if (result.kind === "timedOut") return failed("it did not answer in time");
  if (result.kind === "overMemory") return failed("it took all memory");
  if (result.kind === "crashed") {
    return failed(`it crashed the process that tried it (${result.how})${lastWords(result.stderr)}`);
  }
  const answer = result.value as ProbeAnswer;
  if (answer.kind === "failed") {
    const { fields, message } = answer.error;
    const detail = typeof fields.detail === "string" ? fields.detail : message;
    return failed(`${detail}${reasonInLog(result.stderr)}`);
  }
  const { loadMs, runMs } = answer;
  const expected = expectedValues();
  const right =
    answer.values.length === expected.length &&
    expected.every((value, index) => Math.abs(value - (answer.values[index] ?? Number.NaN)) <= 1e-3);
  if (right)
    return { device, ok: true, loadMs, runMs, detail: "ran a model and gave the right numbers", hint: null };
  return {
    ...failed(`it computed ${answer.values.join(", ")} instead of ${expected.join(", ")}`),
    loadMs,
  };
}

function failedProbe(device: ConcreteDevice, detail: string, env: NodeJS.ProcessEnv): DeviceProbe {
  const needs = DEVICE_TRAITS[device].needs(env);
  const hint = needs === "" ? "reinstall onnxruntime-node on this machine" : `${device} ${needs}`;
  return { device, ok: false, loadMs: null, runMs: null, detail, hint };
}

/** Returns the cause from the log. The exception reports a missing library or adapter without its name. */
function reasonInLog(stderr: string): string {
  const end = stderr.indexOf(": cannot open shared object file");
  const library =
    stderr
      .slice(0, Math.max(end, 0))
      .split(/[^\w.+-]/)
      .at(-1) ?? "";
  if (library !== "") return ` (missing: ${library})`;
  const warning = /^Warning: (.+?)\.?$/m.exec(stderr)?.[1];
  return warning === undefined ? "" : ` (${warning})`;
}

function lastWords(stderr: string): string {
  const line = stderr.split("\n").at(-1) ?? "";
  return line === "" ? "" : `: ${tidyMessage(line).slice(0, 300)}`;
}

function expectedValues(): readonly number[] {
  const [rows, inner, columns] = [2, 4, 3];
  return Array.from({ length: rows * columns }, (_unused, index) => {
    const row = Math.floor(index / columns);
    const column = index % columns;
    let sum = PROBE_BIAS[column] ?? 0;
    for (let k = 0; k < inner; k += 1) {
      sum += (PROBE_INPUT[row * inner + k] ?? 0) * (PROBE_WEIGHTS[k * columns + column] ?? 0);
    }
    return sum;
  });
}
