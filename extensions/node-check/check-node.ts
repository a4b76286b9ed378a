import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";
import { CONVERSION } from "../../shared/domain/conversion.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { FILE_KEYS } from "../../shared/domain/features.ts";
import type { GpuDriver } from "../../shared/extension/gpu-driver.ts";
import { openGpuDriver } from "../../shared/extension/open-gpu-driver.ts";
import type { CheckedMachine, ProbedMachine } from "../../shared/extension/probe.ts";
import { autoCandidates } from "../../shared/onnx/devices.ts";
import type { DeviceProbe } from "../../shared/onnx/probe.ts";
import { listenForStopSignals } from "../../shared/terminal/stop-signals.ts";
import { visibleGpus } from "../../worker/process/process-layout.ts";
import {
  CHECKS,
  type CheckName,
  type DeviceReport,
  hasFailed,
  type Outcome,
  outcome,
  whyUnavailable,
} from "./checks.ts";
import { checksText } from "./checks-text.ts";
import { Progress } from "./progress.ts";
import { DeviceChecks } from "./run-checks.ts";
import { CommandFailed } from "./run-command.ts";

interface NodeOptions {
  /** Requested device. Null: each GPU, or else the best device. */
  readonly device: ConcreteDevice | null;
  /** Limit of the time for each device. */
  readonly limitMs: number;
  readonly measureMs: number;
}

interface Target {
  readonly device: ConcreteDevice;
  /** Name for CUDA_VISIBLE_DEVICES. Null: the device has no such name. */
  readonly gpu: string | null;
}

/** Checks share a device's time, and one that hangs leaves some for the others. */
const MOST_OF_ONE_CHECK = 1 / 3;

/** Checks the requested device, or each GPU of this node, one after another. */
export async function checkNode(machine: ProbedMachine, options: NodeOptions): Promise<CheckedMachine> {
  using stops = listenForStopSignals();
  const driver = await openGpuDriver();
  const reports: DeviceReport[] = [];
  for (const target of await targetsOf(machine.devices, options.device)) {
    // Each has its own folder, so that a node with eight GPUs needs the space of one.
    const folder = await makeTempFolder("probe");
    try {
      reports.push(
        await checkTarget(target, {
          ...options,
          main: machine.main,
          driver,
          folder,
          signal: stops.requested,
        }),
      );
    } catch (error) {
      // Unlike a job, checks cannot be resumed.
      if (!stops.requested.aborted) throw error;
      throw new ShardmillError("INTERRUPTED", "the checks were stopped by a signal");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return {
    json: reports,
    hasFailed: hasFailed(reports),
    text: (style) => checksText(reports, style),
  };
}

/** GPUs of which a driver knows are NVIDIA's. If CUDA does not work on them, a check must say so. */
async function targetsOf(
  probes: readonly DeviceProbe[],
  requested: ConcreteDevice | null,
): Promise<readonly Target[]> {
  const works = (device: ConcreteDevice) => probes.some((probe) => probe.device === device && probe.ok);
  const gpus = await visibleGpus();
  const best = gpus.length > 0 ? "cuda" : (autoCandidates(process.platform).find(works) ?? "cpu");
  const device = requested ?? best;
  const usesGpus = (device === "cuda" || device === "tensorrt") && gpus.length > 0;
  return usesGpus ? gpus.map((gpu) => ({ device, gpu })) : [{ device, gpu: null }];
}

interface TargetOptions extends NodeOptions {
  readonly main: URL;
  readonly driver: GpuDriver | null;
  readonly folder: string;
  readonly signal: AbortSignal;
}

async function checkTarget({ device, gpu }: Target, options: TargetOptions): Promise<DeviceReport> {
  const { driver, folder, main, measureMs, limitMs, signal } = options;
  const look = gpu === null ? null : ((await driver?.look(gpu)) ?? null);
  const known = look?.kind === "read" ? { name: look.reading.name, uuid: look.reading.uuid } : null;
  const env = {
    ...process.env,
    ...(gpu === null ? {} : { CUDA_VISIBLE_DEVICES: gpu }),
    // The user's own secret and files stay as they are.
    SHARDMILL_SECRET_FILE: join(folder, "secret"),
    TMPDIR: folder,
  };
  const watched = driver === null || gpu === null || known === null ? null : { driver, uuid: gpu };
  const checks = new DeviceChecks({ line: { main, env }, device, gpu: watched, folder, measureMs });
  const checked = { device, gpu: known?.uuid ?? null, fileKeys: FILE_KEYS, converts: CONVERSION !== null };
  const startMs = performance.now();
  using progress = new Progress(known === null ? device : `${device} ${known.uuid}`, CHECKS);
  const outcomes: Partial<Record<CheckName, Outcome>> = {};
  for (const check of CHECKS) {
    const why =
      outcomes.golden?.verdict === "failed" ? "the first check did not pass" : whyUnavailable(check, checked);
    progress.begin(check);
    const leftMs = limitMs - (performance.now() - startMs);
    const found =
      why === null
        ? await checkInTime((within) => checks.run(check, within), { leftMs, limitMs, signal })
        : outcome("not available", why);
    outcomes[check] = found;
    progress.end(check, found);
  }
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  return { device, gpu: known, seconds, checks: outcomes as Record<CheckName, Outcome> };
}

interface TimeLimits {
  /** Rest of the device's time. */
  readonly leftMs: number;
  /** All of the device's time. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Runs a check within its share of the time. A check that takes longer has failed. One that had less than its
 * share is not available.
 *
 * @throws the reason of the signal
 */
async function checkInTime(
  run: (signal: AbortSignal) => Promise<Outcome>,
  { leftMs, limitMs, signal }: TimeLimits,
): Promise<Outcome> {
  signal.throwIfAborted();
  const shareMs = MOST_OF_ONE_CHECK * limitMs;
  const noTime = outcome("not available", "the time for this device was over", {
    hint: "give more --minutes",
  });
  if (leftMs <= 0) return noTime;
  const late = AbortSignal.timeout(Math.ceil(Math.min(shareMs, leftMs)));
  try {
    return await run(AbortSignal.any([signal, late]));
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted && leftMs < shareMs) return noTime;
    if (late.aborted)
      return outcome("failed", `it did not end within ${Math.round(shareMs / 1_000)} s`, {
        hint: "give more --minutes",
      });
    return outcome("failed", messageOf(error), { hint: error instanceof CommandFailed ? error.hint : null });
  }
}
