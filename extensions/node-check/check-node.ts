import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../shared/core/errors.ts";
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
  type CheckedDevice,
  type CheckName,
  type DeviceReport,
  hasFailed,
  type Outcome,
  outcome,
  shareOfTime,
  type TimedOutcome,
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

/**
 * Checks the requested device, or each GPU of this node, one after another. After a signal, the remaining
 * checks are not measured.
 */
export async function checkNode(machine: ProbedMachine, options: NodeOptions): Promise<CheckedMachine> {
  using stops = listenForStopSignals();
  const driver = await openGpuDriver();
  const reports: DeviceReport[] = [];
  for (const target of await targetsOf(machine.devices, options.device)) {
    // Each has its own folder, so that a node with eight GPUs needs the space of one.
    const folder = await makeTempFolder("probe");
    const keep = (report: DeviceReport) => machine.keep([...reports, report]);
    try {
      const { main } = machine;
      const signal = stops.requested;
      reports.push(await checkTarget(target, { ...options, main, driver, folder, keep, signal }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return {
    json: reports,
    hasFailed: hasFailed(reports),
    interrupted: stops.requested.aborted,
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
  /** Keeps the results so far, in case this process crashes. */
  keep(report: DeviceReport): Promise<void>;
  readonly signal: AbortSignal;
}

async function checkTarget({ device, gpu }: Target, options: TargetOptions): Promise<DeviceReport> {
  const { driver, folder, main, measureMs, limitMs, signal } = options;
  const look = gpu === null ? null : ((await driver?.look(gpu)) ?? null);
  const named = look?.kind === "read" ? { name: look.reading.name, uuid: look.reading.uuid } : null;
  const env = {
    ...process.env,
    ...(gpu === null ? {} : { CUDA_VISIBLE_DEVICES: gpu }),
    // The user's own secret and files stay as they are.
    SHARDMILL_SECRET_FILE: join(folder, "secret"),
    TMPDIR: folder,
  };
  const watched = driver === null || gpu === null || named === null ? null : { driver, uuid: gpu };
  const checks = new DeviceChecks({ line: { main, env }, device, gpu: watched, folder, measureMs });
  const checked = { device, gpu: named?.uuid ?? null, fileKeys: FILE_KEYS, converts: CONVERSION !== null };
  const startMs = performance.now();
  using progress = new Progress(named === null ? device : `${device} ${named.uuid}`, CHECKS);
  const outcomes: Partial<Record<CheckName, TimedOutcome>> = {};
  const report = (interrupted: boolean): DeviceReport => {
    const known = CHECKS.map((check) => [check, outcomes[check] ?? withoutResult(check, checked)]);
    const seconds = secondsSince(startMs);
    return { device, gpu: named, seconds, interrupted, checks: Object.fromEntries(known) };
  };
  for (const [index, check] of CHECKS.entries()) {
    if (signal.aborted) break;
    const why =
      outcomes.golden?.verdict === "failed" ? "the first check did not pass" : whyUnavailable(check, checked);
    progress.begin(check);
    const waiting = CHECKS.slice(index).filter((each) => whyUnavailable(each, checked) === null);
    const checkStartMs = performance.now();
    const shareMs = shareOfTime(check, limitMs - (checkStartMs - startMs), waiting);
    const found =
      why === null
        ? await checkInTime((within) => checks.run(check, within), shareMs, signal)
        : outcome("not available", why);
    if (found === null) break;
    outcomes[check] = { ...found, seconds: secondsSince(checkStartMs) };
    progress.end(check, found);
    await options.keep(report(true));
  }
  return report(signal.aborted);
}

function withoutResult(check: CheckName, checked: CheckedDevice): TimedOutcome {
  const why = whyUnavailable(check, checked);
  const result =
    why === null
      ? outcome("not measured", "the checks were stopped before it ended")
      : outcome("not available", why);
  return { ...result, seconds: 0 };
}

function secondsSince(startMs: number): number {
  return Math.round((performance.now() - startMs) / 1_000);
}

/** Runs a check within its share of the time. Without a result by then, it is not measured. Null: stopped. */
async function checkInTime(
  run: (signal: AbortSignal) => Promise<Outcome>,
  shareMs: number,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const late = AbortSignal.timeout(Math.max(0, Math.ceil(shareMs)));
  try {
    return await run(AbortSignal.any([signal, late]));
  } catch (error) {
    if (signal.aborted) return null;
    if (late.aborted)
      return outcome("not measured", `it did not end within its ${Math.round(shareMs / 1_000)} s`, {
        hint: "give more --minutes",
      });
    return outcome("failed", messageOf(error), { hint: error instanceof CommandFailed ? error.hint : null });
  }
}
