import type { GpuLook, GpuReading } from "../../shared/extension/gpu-driver.ts";

/** Duration of a suspension: first, and at most. After it, a check decides whether the GPU is used again. */
const EXCLUSION = { firstMs: 60_000, mostMs: 15 * 60_000 } as const;
/** Duration of a slowdown for heat or power before it counts. Shorter ones are harmless. */
const SLOW_MS = 60_000;
/** Time without faults after which earlier suspensions no longer count. */
const TRUSTED_MS = 60 * 60_000;

/** NVIDIA's Xid numbers of errors that are the machine's fault, not a program's. */
const XIDS: ReadonlyMap<number, string> = new Map([
  [48, "memory error that could not be corrected"],
  [62, "its controller halted"],
  [64, "a broken row of its memory could not be replaced"],
  [74, "NVLink error"],
  [79, "it has fallen off the bus"],
  [92, "many memory errors"],
  [94, "memory error that was contained"],
  [95, "memory error that was not contained"],
  [119, "its system processor does not answer"],
  [120, "its system processor failed"],
  [140, "memory error that could not be corrected"],
]);

/** State of a GPU. Times are by the caller's clock. */
export interface GpuState {
  /** Suspension: reason, start, and earliest end. Null: the GPU is in use. */
  readonly exclusion: { readonly reason: string; readonly sinceMs: number; readonly untilMs: number } | null;
  /** Consecutive suspensions. */
  readonly times: number;
  readonly backSinceMs: number;
  /** Start of a slowdown. Null: the GPU runs at full speed. */
  readonly slowSinceMs: number | null;
  readonly uncorrectedErrors: number | null;
}

export const GOOD_GPU: GpuState = {
  exclusion: null,
  times: 0,
  backSinceMs: 0,
  slowSinceMs: null,
  uncorrectedErrors: null,
};

/**
 * Updates a GPU's state with a check. An error or loss suspends the GPU at once, a slowdown for heat or power
 * after a minute. The GPU resumes when its time is over and a check finds no fault. Each further suspension
 * soon after takes twice as long, up to a quarter of an hour.
 */
export function judgeGpu(before: GpuState, look: GpuLook, nowMs: number): GpuState {
  const slowSinceMs = isSlow(look) ? (before.slowSinceMs ?? nowMs) : null;
  const known: GpuState = {
    ...before,
    slowSinceMs,
    uncorrectedErrors: look.kind === "read" ? look.reading.uncorrectedErrors : before.uncorrectedErrors,
  };
  const reason = faultOf(before, look) ?? slownessOf(look, slowSinceMs, nowMs);
  if (before.exclusion === null) return reason === null ? known : excluded(known, reason, nowMs);
  if (nowMs < before.exclusion.untilMs) return known;
  if (reason !== null || slowSinceMs !== null) {
    const untilMs = nowMs + exclusionMs(before.times);
    return {
      ...known,
      exclusion: { ...before.exclusion, reason: reason ?? before.exclusion.reason, untilMs },
    };
  }
  return { ...known, exclusion: null, backSinceMs: nowMs };
}

function excluded(state: GpuState, reason: string, nowMs: number): GpuState {
  const isTrusted = state.times === 0 || nowMs - state.backSinceMs >= TRUSTED_MS;
  const times = isTrusted ? 1 : state.times + 1;
  return { ...state, times, exclusion: { reason, sinceMs: nowMs, untilMs: nowMs + exclusionMs(times) } };
}

function exclusionMs(times: number): number {
  return Math.min(EXCLUSION.mostMs, EXCLUSION.firstMs * 2 ** (times - 1));
}

function faultOf({ uncorrectedErrors }: GpuState, look: GpuLook): string | null {
  if (look.kind === "lost") return `the driver no longer finds it: ${look.why}`;
  const { xids, uncorrectedErrors: now } = look.reading;
  const xid = xids.find((number) => XIDS.has(number));
  if (xid !== undefined) return `Xid ${xid}: ${XIDS.get(xid)}`;
  const more = uncorrectedErrors === null || now === null ? 0 : now - uncorrectedErrors;
  return more > 0 ? `${more} more memory errors that could not be corrected (ECC)` : null;
}

function slownessOf(look: GpuLook, sinceMs: number | null, nowMs: number): string | null {
  if (look.kind === "lost" || sinceMs === null || nowMs - sinceMs < SLOW_MS) return null;
  const { slowdowns, celsius } = look.reading;
  const heat = celsius === null ? "" : `, at ${celsius} °C`;
  return `slowed down for ${Math.round((nowMs - sinceMs) / 1_000)} s (${slowdowns.join(", ")}${heat})`;
}

function isSlow(look: GpuLook): look is { readonly kind: "read"; readonly reading: GpuReading } {
  return look.kind === "read" && look.reading.slowdowns.length > 0;
}
