import { present } from "../../shared/core/assert.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { DEVICE_TRAITS } from "../../shared/onnx/devices.ts";
import { type DeviceProbe, probeDevice } from "../../shared/onnx/probe.ts";
import { type BenchOptions, DeviceBench, type MeasuredJob } from "./bench-device.ts";
import {
  type CheckName,
  isWorkload,
  judgeHalving,
  judgeJob,
  type Outcome,
  outcome,
  round,
} from "./checks.ts";
import { rowsFault, worstError } from "./figures.ts";
import { CLIFF_WIDTH, cliffModel } from "./models/cliff.ts";
import { readOutput } from "./rows.ts";
import { cliffColumn, WORKLOAD_NAMES, type WorkloadName } from "./workloads.ts";

/** Workloads whose models gain most from float16. */
const HALVED = ["encoder", "classifier"] as const satisfies readonly WorkloadName[];
/** Rows of the job whose batches do not fit, and of its first batches. */
const CLIFF = { rows: 256, batchRows: 64 } as const;
/** Time of a run in which a worker is killed. */
const RESTART_MS = 3_000;

/**
 * Side of a square of numbers that no memory holds. WebGPU counts them in 32 bits, and its buffers are
 * smaller than 8 GiB.
 */
function cliffSide(device: ConcreteDevice): number {
  return device === "webgpu" ? 46_000 : 2 ** 25;
}

/** Runs the checks of one device. Later checks use what earlier ones measured. */
export class DeviceChecks {
  readonly #options: BenchOptions;
  readonly #bench: DeviceBench;
  readonly #measured = new Map<WorkloadName, MeasuredJob>();

  constructor(options: BenchOptions) {
    this.#options = options;
    this.#bench = new DeviceBench(options);
  }

  async run(check: CheckName, signal: AbortSignal): Promise<Outcome> {
    if (isWorkload(check)) return this.#workload(check, signal);
    switch (check) {
      case "golden":
        return golden(await this.#probe(signal));
      case "busy":
        return this.#busy();
      case "placement":
        return this.#placement(signal);
      case "fp16":
        return this.#fp16(signal);
      case "lanes":
        return this.#lanes(signal);
      case "halving":
        return this.#halving(signal);
      case "restart":
        return this.#restart(signal);
      case "mig":
        return this.#mig();
    }
  }

  #probe(signal: AbortSignal): Promise<DeviceProbe> {
    return probeDevice(this.#options.device, { signal, env: this.#options.line.env });
  }

  async #workload(name: WorkloadName, signal: AbortSignal): Promise<Outcome> {
    const measured = await this.#bench.measure(name, {}, signal);
    this.#measured.set(name, measured);
    return judgeJob(measured);
  }

  #busy(): Outcome {
    const shares = WORKLOAD_NAMES.map(
      (name) => [name, this.#measured.get(name)?.run.gpuBusy ?? null] as const,
    );
    const figures = Object.fromEntries(
      shares.map(([name, share]) => [name, share === null ? null : round(share)]),
    );
    return shares.every(([, share]) => share === null)
      ? outcome("not available", "the driver reports no busy share, or the jobs were too short for one")
      : outcome("ok", "mean share of the time in which the GPU computed", { figures });
  }

  async #placement(signal: AbortSignal): Promise<Outcome> {
    const figures: Record<string, number> = {};
    const away: string[] = [];
    for (const name of WORKLOAD_NAMES) {
      const { onDevice, onCpu, copies, copyShare } = await this.#bench.placement(name, signal);
      Object.assign(figures, {
        [`${name}OnDevice`]: onDevice,
        [`${name}OnCpu`]: onCpu,
        [`${name}Copies`]: copies,
        [`${name}CopyShare`]: round(copyShare),
      });
      if (onDevice === 0) away.push(name);
    }
    return away.length === 0
      ? outcome("ok", "the device computes each model", { figures })
      : outcome("failed", `the CPU computes all operators of ${away.join(", ")}`, {
          hint: "reinstall the provider for this version of onnxruntime-node",
          figures,
        });
  }

  async #fp16(signal: AbortSignal): Promise<Outcome> {
    const figures: Record<string, number> = {};
    const compared = HALVED.flatMap((name) => {
      const full = this.#measured.get(name);
      return full === undefined ? [] : [{ name, full }];
    });
    if (compared.length === 0)
      return outcome("not measured", "no job to compare with ended in its time", {
        hint: "give more --minutes",
      });
    for (const { name, full } of compared) {
      const half = await this.#bench.measure(name, { precision: "fp16" }, signal);
      const judged = judgeJob(half);
      if (judged.verdict === "failed") return { ...judged, detail: `${name}: ${judged.detail}` };
      figures[`${name}Loop`] = round(half.loop.rowsPerSecond / full.loop.rowsPerSecond);
      const [after, before] = [half.run.rowsPerSecond, full.run.rowsPerSecond];
      if (after !== null && before !== null) figures[`${name}Job`] = round(after / before);
    }
    return outcome("ok", "rows a second with float16, over those with float32", { figures });
  }

  async #lanes(signal: AbortSignal): Promise<Outcome> {
    const { maxLanes } = DEVICE_TRAITS[this.#options.device];
    const name = this.#heaviestInTime();
    const counts = [1, 2].filter((lanes) => maxLanes === null || lanes <= maxLanes);
    const figures: Record<string, number | null> = {};
    for (const lanes of counts) {
      const which = lanes === 1 ? "oneLane" : "twoLanes";
      const known = this.#measured.get(name);
      const measured =
        known?.run.lanes === lanes
          ? known
          : await this.#bench.measure(name, { args: ["--lanes", `${lanes}`] }, signal);
      const judged = judgeJob(measured);
      if (judged.verdict === "failed") return { ...judged, detail: `${lanes} lanes: ${judged.detail}` };
      const { rowsPerSecond, peakBytes, gpuBytes } = measured.run;
      figures[`${which}RowsPerSecond`] = rowsPerSecond === null ? null : round(rowsPerSecond);
      figures[`${which}WorkerMiB`] = mebibytes(peakBytes);
      figures[`${which}GpuMiB`] = mebibytes(gpuBytes);
    }
    const detail =
      counts.length === 2
        ? `the job ${name} with one and two lanes`
        : `the job ${name} with one lane, the most in one process of this device`;
    return outcome("ok", detail, { figures });
  }

  async #halving(signal: AbortSignal): Promise<Outcome> {
    const { device } = this.#options;
    const { rows, batchRows } = CLIFF;
    const map = { inputs: { x: "x" }, outputs: { y: "y" }, batch: { rows: batchRows } };
    const input = { columns: { x: cliffColumn(rows) }, rows, map };
    const run = await this.#bench.runOwn(cliffModel(cliffSide(device)), input, signal);
    const { ids, values } = await readOutput(run, "y", rows, signal);
    const expected = Array.from({ length: rows * CLIFF_WIDTH }, (_, index) => index);
    const error = worstError(values, expected);
    const fault = rowsFault(ids, rows, rows) ?? (error > 0 ? "rows have other numbers" : null);
    // Halvings may be stored out of order, and the smallest one may be missing.
    const to = run.learned.caps.length === 0 ? null : Math.min(...run.learned.caps.map(({ units }) => units));
    return judgeHalving({ device, fault, from: batchRows, to });
  }

  async #restart(signal: AbortSignal): Promise<Outcome> {
    let killed: number | null = null;
    const runMs = Math.max(RESTART_MS, this.#options.measureMs);
    const measured = await this.#bench.measure(
      this.#heaviestInTime(),
      {
        runMs,
        onWorkers(workers) {
          const worker = workers.find(({ shardsCommitted }) => shardsCommitted > 0);
          if (worker === undefined || killed !== null) return;
          try {
            process.kill(worker.pid, "SIGKILL");
            killed = worker.pid;
          } catch {
            // It has ended by itself.
          }
        },
      },
      signal,
    );
    const { pids, manifest } = measured.run;
    const figures = { processes: pids.length, attempts: manifest.attempts, shards: manifest.shards };
    if (killed === null) return outcome("not available", "the job ended before its worker could be killed");
    const judged = judgeJob(measured);
    if (judged.verdict === "failed") return judged;
    return pids.length > 1
      ? outcome("ok", "the worker was killed and restarted, and each row is there once", { figures })
      : outcome("failed", "no second process of the worker was seen", { figures });
  }

  /** Returns the job with the largest weights. A slow device did not end it in time, and gets a light one. */
  #heaviestInTime(): WorkloadName {
    return this.#measured.has("encoder") ? "encoder" : "digits";
  }

  #mig(): Outcome {
    const { uuid } = present(this.#options.gpu, "the device is a part of a GPU");
    return this.#measured.size > 0
      ? outcome("ok", "jobs ran on this part of a GPU", { figures: { part: uuid } })
      : outcome("failed", "no job ran on this part of a GPU", { figures: { part: uuid } });
  }
}

function golden({ ok, detail, hint, loadMs, runMs }: DeviceProbe): Outcome {
  const figures = {
    loadMs: loadMs === null ? null : round(loadMs),
    runMs: runMs === null ? null : round(runMs),
  };
  return outcome(ok ? "ok" : "failed", detail, { hint, figures });
}

function mebibytes(bytes: number | null): number | null {
  return bytes === null ? null : Math.round(bytes / 2 ** 20);
}
