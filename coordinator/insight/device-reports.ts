import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import type { FailureReason } from "../schedule/state/record.ts";

/**
 * Limit of reports, more than the kinds of devices in a fleet. Thousands of workers may report, so equal
 * devices share one report.
 */
const MOST_REPORTS = 100;

/** Device reports of one job's workers since this coordinator started. */
export class DeviceReports {
  /** First report of each kind of device, and of each refused worker. */
  readonly #byKind = new Map<string, DeviceReport>();
  readonly #refused = new Map<WorkerSession, string>();
  readonly #unfit = new Map<WorkerSession, string>();

  get all(): readonly DeviceReport[] {
    return [...this.#byKind.values()];
  }

  add(session: WorkerSession, report: DeviceReport): void {
    const { device, gpu, onnxruntimeVersion, worker, refusal } = report;
    if (refusal === null) this.#refused.delete(session);
    else this.#refused.set(session, refusal);
    const kind = JSON.stringify([device, gpu, onnxruntimeVersion, refusal === null ? null : worker]);
    if (this.#byKind.has(kind) || this.#byKind.size >= MOST_REPORTS) return;
    this.#byKind.set(kind, report);
  }

  /** Records that a worker cannot run the job for another reason than wrong numbers. */
  refuse(session: WorkerSession, reason: string): void {
    this.#unfit.set(session, reason);
  }

  /** Removes a lost worker, but keeps its report. */
  forget(session: WorkerSession): void {
    this.#refused.delete(session);
    this.#unfit.delete(session);
  }

  refusalOf(session: WorkerSession): string | null {
    return this.#refused.get(session) ?? this.unfitnessOf(session);
  }

  /** Returns the reason, other than wrong numbers, why a worker cannot run the job. Null: there is none. */
  unfitnessOf(session: WorkerSession): string | null {
    return this.#unfit.get(session) ?? null;
  }
}

/** Returns the reason of a refusal. The job fails with this reason if no other worker comes. */
export function refusalReason({ worker, device, refusal, rows }: DeviceReport): FailureReason {
  return {
    code: "DEVICE_WRONG",
    message: `${device} on ${worker} gives other numbers than the CPU: ${refusal}`,
    fields: { worker, device, rows },
    hint: "run the job with `model.device: cpu` or another device, or loosen model.check if these rows are correct",
  };
}
