import type { WorkerHistory } from "../../shared/domain/run-history.ts";
import { SPAN_ENDS, type SpanEnd } from "../../shared/domain/span-ends.ts";
import { STAGES, type Stage, type StageShares, type WorkerInfo } from "../../shared/domain/worker.ts";
import { TimeLine } from "./time-line.ts";

/** Report of a worker in one sample. */
export interface WorkerLook {
  readonly busy: StageShares;
  readonly padding: number | null;
  readonly batchRows: number | null;
  readonly device: WorkerInfo["device"];
}

/** History of one worker, by name. The caller passes the time. */
export class WorkerMemory {
  readonly name: string;
  readonly line = new TimeLine();
  readonly ends = noEnds();
  device: WorkerInfo["device"] | null = null;
  rows = 0;
  #sessions = 0;
  #sinceMs = 0;
  #connectedMs = 0;
  #reportedMs = 0;
  #paddingMs = 0;
  #padded = 0;
  #batchRows: number | null = null;
  readonly #busyMs: Partial<Record<Stage, number>> = {};

  constructor(name: string) {
    this.name = name;
  }

  get hasLeft(): boolean {
    return this.#sessions === 0 && this.line.isIdle;
  }

  /** Restores the result of `history`. Treats the whole connected time as time with reports. */
  restore({ device, connectedSeconds, rows, ends, stages, ...rest }: WorkerHistory, sinceMs: number): void {
    this.device = device;
    this.rows = rows;
    Object.assign(this.ends, ends);
    this.#connectedMs = 1000 * connectedSeconds;
    this.#batchRows = rest.batchRows;
    this.line.restore(rest.spans, sinceMs);
    if (Object.keys(stages).length > 0) this.#reportedMs = this.#connectedMs;
    for (const stage of STAGES) this.#busyMs[stage] = (stages[stage] ?? 0) * this.#reportedMs;
    if (rest.padding === null) return;
    this.#paddingMs = this.#connectedMs;
    this.#padded = rest.padding * this.#paddingMs;
  }

  /** Adds connected time under an earlier coordinator. */
  wasThere(ms: number): void {
    this.#connectedMs += ms;
  }

  joined(nowMs: number): void {
    if (this.#sessions === 0) this.#sinceMs = nowMs;
    this.#sessions += 1;
  }

  left(nowMs: number): void {
    this.#sessions -= 1;
    if (this.#sessions === 0) this.#connectedMs += nowMs - this.#sinceMs;
  }

  /** Adds a report for the time since the previous sample. */
  look({ busy, padding, batchRows, device }: WorkerLook, ms: number): void {
    this.device = device;
    this.#batchRows = batchRows ?? this.#batchRows;
    if (Object.keys(busy).length === 0) return;
    this.#reportedMs += ms;
    for (const stage of STAGES)
      this.#busyMs[stage] = (this.#busyMs[stage] ?? 0) + Math.min(1, busy[stage] ?? 0) * ms;
    if (padding === null) return;
    this.#paddingMs += ms;
    this.#padded += padding * ms;
  }

  connectedMs(nowMs: number): number {
    return this.#connectedMs + (this.#sessions === 0 ? 0 : nowMs - this.#sinceMs);
  }

  history(nowMs: number, sinceMs: number, mostSpans: number): WorkerHistory {
    const share = (ms: number) => Math.round((ms / this.#reportedMs) * 1e3) / 1e3;
    const stages = Object.entries(this.#busyMs).map(([stage, ms]) => [stage, share(ms)] as const);
    return {
      name: this.name,
      device: this.device,
      connectedSeconds: Math.round(this.connectedMs(nowMs)) / 1000,
      rows: this.rows,
      ends: { ...this.ends },
      stages: this.#reportedMs > 0 ? Object.fromEntries(stages) : {},
      batchRows: this.#batchRows,
      padding: this.#paddingMs > 0 ? Math.round((this.#padded / this.#paddingMs) * 1e3) / 1e3 : null,
      spans: this.line.spans(nowMs, sinceMs, mostSpans),
    };
  }
}

export function noEnds(): Record<SpanEnd, number> {
  return Object.fromEntries(SPAN_ENDS.map((end) => [end, 0])) as Record<SpanEnd, number>;
}
