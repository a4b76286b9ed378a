import type { Spans } from "../../shared/domain/run-history.ts";
import { SPAN_ENDS, type SpanEnd } from "../../shared/domain/span-ends.ts";

/** An attempt that has not ended. */
export interface OpenSpan {
  readonly line: number;
  readonly fromMs: number;
  readonly shard: number;
  readonly backup: boolean;
  /** Time at which its partial was offered, which frees its slot. Null: not yet. */
  offeredMs: number | null;
}

interface ClosedSpan extends Omit<OpenSpan, "offeredMs"> {
  readonly toMs: number;
  readonly end: SpanEnd;
  readonly attempts: number;
}

/** Share of the whole time from which neighbors are merged whatever their ends. */
const COARSE_SHARE = 1 / 8;

/**
 * Attempts of one worker over time, in a bounded number of spans. Each span takes the lowest free line. So
 * spans on a line never overlap, and there are as many lines as concurrent attempts. The caller passes the
 * time.
 */
export class TimeLine {
  readonly #open = new Set<OpenSpan>();
  readonly #busyLines = new Set<number>();
  #closed: ClosedSpan[] = [];
  #lines = 0;

  /** @param at known line of the attempt. Default: the lowest free one. */
  begin(fromMs: number, shard: number, backup: boolean, at?: number): OpenSpan {
    let line = at ?? 0;
    while (at === undefined && this.#busyLines.has(line)) line += 1;
    this.#busyLines.add(line);
    this.#lines = Math.max(this.#lines, line + 1);
    const span = { line, fromMs, shard, backup, offeredMs: null };
    this.#open.add(span);
    return span;
  }

  /** Notes that the attempt's partial was offered, which frees its line. */
  offered(span: OpenSpan, nowMs: number): void {
    if (span.offeredMs !== null) return;
    span.offeredMs = nowMs;
    this.#busyLines.delete(span.line);
  }

  end(span: OpenSpan, nowMs: number, end: SpanEnd, most: number): void {
    this.offered(span, nowMs);
    this.#open.delete(span);
    const { line, fromMs, shard, backup, offeredMs } = span;
    this.#closed.push({ line, fromMs, shard, backup, toMs: offeredMs ?? nowMs, end, attempts: 1 });
    const room = Math.max(most, 2 * this.#lines);
    if (this.#closed.length > room) this.#closed = merged(this.#closed, this.#leastFor(Math.ceil(room / 2)));
  }

  /** Returns all open spans and about `most` ended ones, in seconds since `sinceMs`. */
  spans(nowMs: number, sinceMs: number, most: number): Spans {
    const closed = this.#closed.length > most ? merged(this.#closed, this.#leastFor(most)) : this.#closed;
    const running = [...this.#open].map((span) => ({
      ...span,
      toMs: span.offeredMs ?? nowMs,
      end: "running" as const,
      attempts: 1,
    }));
    const all = [...closed, ...running].sort((a, b) => a.line - b.line || a.fromMs - b.fromMs);
    const seconds = (ms: number) => Math.round(ms - sinceMs) / 1000;
    return {
      line: all.map(({ line }) => line),
      from: all.map(({ fromMs }) => seconds(fromMs)),
      to: all.map(({ toMs }) => seconds(toMs)),
      shard: all.map(({ shard }) => shard),
      attempts: all.map(({ attempts }) => attempts),
      end: all.map(({ end }) => end),
      backup: all.map(({ backup }) => (backup ? 1 : 0)),
    };
  }

  /** Restores the ended spans that `spans` returned. */
  restore({ line, from, to, shard, attempts, end, backup }: Spans, sinceMs: number): void {
    const ms = (seconds: number | undefined) => sinceMs + 1000 * (seconds ?? 0);
    line.forEach((at, index) => {
      const how = end[index] ?? "running";
      if (how === "running") return;
      this.#lines = Math.max(this.#lines, at + 1);
      const times = { fromMs: ms(from[index]), toMs: ms(to[index]), end: how };
      const what = { shard: shard[index] ?? 0, attempts: attempts[index] ?? 1, backup: backup[index] === 1 };
      this.#closed.push({ line: at, ...times, ...what });
    });
  }

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  /** Returns the smallest merge length that leaves at most `most` spans, or one a line. */
  #leastFor(most: number): { readonly upToMs: number; readonly wholeMs: number } {
    const fromMs = this.#closed.reduce((least, span) => Math.min(least, span.fromMs), Infinity);
    const toMs = this.#closed.reduce((last, span) => Math.max(last, span.toMs), fromMs);
    const wholeMs = toMs - fromMs;
    const aim = Math.max(most, this.#lines);
    let upToMs = Math.max(1, wholeMs / (2 * aim));
    while (merged(this.#closed, { upToMs, wholeMs }).length > aim && upToMs < 2 * wholeMs + 1) upToMs *= 2;
    return { upToMs, wholeMs };
  }
}

/**
 * Merges neighbors on a line that end alike, if together they are no longer than `upToMs`. So failures stay
 * visible as long as possible.
 */
function merged(
  spans: readonly ClosedSpan[],
  { upToMs, wholeMs }: { readonly upToMs: number; readonly wholeMs: number },
): ClosedSpan[] {
  const anyKind = upToMs > wholeMs * COARSE_SHARE;
  const last = new Map<number, number>();
  const kept: ClosedSpan[] = [];
  for (const span of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const at = last.get(span.line);
    const before = at === undefined ? undefined : kept[at];
    const isAlike = before?.end === span.end && before.backup === span.backup;
    if (
      at === undefined ||
      before === undefined ||
      !(isAlike || anyKind) ||
      span.toMs - before.fromMs > upToMs
    ) {
      last.set(span.line, kept.push(span) - 1);
      continue;
    }
    kept[at] = {
      ...before,
      toMs: span.toMs,
      end: worse(before.end, span.end),
      backup: before.backup || span.backup,
      attempts: before.attempts + span.attempts,
    };
  }
  return kept;
}

function worse(a: SpanEnd, b: SpanEnd): SpanEnd {
  return SPAN_ENDS.indexOf(a) <= SPAN_ENDS.indexOf(b) ? a : b;
}
