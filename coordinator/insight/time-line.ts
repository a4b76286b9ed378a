import type { Spans } from "../../shared/domain/run-history.ts";
import { SPAN_ENDS, type SpanEnd } from "../../shared/domain/span-ends.ts";

/** An attempt that has not ended. */
export interface OpenSpan {
  readonly line: number;
  readonly fromMs: number;
  readonly shard: number;
  readonly backup: boolean;
  /** When its partial was handed in: then its slot is free, whatever becomes of it. */
  offeredMs: number | null;
}

interface ClosedSpan extends Omit<OpenSpan, "offeredMs"> {
  readonly toMs: number;
  readonly end: SpanEnd;
  readonly attempts: number;
}

/** From a share of the whole time on, neighbours of any kind are one. */
const COARSE_SHARE = 1 / 8;

/**
 * Which attempts one worker had when, in at most so many spans. Each begins on the lowest line that is free,
 * so spans of a line never overlap, and there are as many lines as attempts were there at once. Pure: time
 * comes in with each call.
 */
export class TimeLine {
  readonly #open = new Set<OpenSpan>();
  readonly #busyLines = new Set<number>();
  #closed: ClosedSpan[] = [];
  #lines = 0;

  /** @param at the line that it is known to have; left out: the lowest that is free */
  begin(fromMs: number, shard: number, backup: boolean, at?: number): OpenSpan {
    let line = at ?? 0;
    while (at === undefined && this.#busyLines.has(line)) line += 1;
    this.#busyLines.add(line);
    this.#lines = Math.max(this.#lines, line + 1);
    const span = { line, fromMs, shard, backup, offeredMs: null };
    this.#open.add(span);
    return span;
  }

  /** Its partial is handed in: the line is free for the next. */
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

  /** Seconds since `sinceMs`; at most about `most` that have ended. */
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

  /** As `spans` told of those that had ended. */
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

  /** The least length that spans are merged up to, so that there are at most so many, or one a line. */
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
 * Neighbours of a line that end alike are one, where they are together no longer than `upToMs`; so what went
 * wrong stays to be seen as long as it can.
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
