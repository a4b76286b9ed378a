import type { ShardmillError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import { changed, failed, PassingFailure } from "./failures.ts";
import type { HttpEngine } from "./http-engine.ts";
import type { Answer, AnswerHead, BodyReader, HttpRequest } from "./messages.ts";

/** Bytes `[start, end)` of a file on a web server or in an object store. */
export interface WantedRange {
  /** What errors call the file. */
  readonly path: string;
  readonly start: number;
  readonly end: number;
  /** Which version the file must have. Left out: any, but the same for all of the range. */
  readonly version?: string;
  /**
   * What a server that knows no ranges is good for. `refuse`: nothing. `take`: it sends the whole file, of
   * which the range is taken. `count`: ... to its end where it does not say how large it is.
   */
  readonly whole: "refuse" | "take" | "count";
  /**
   * Ranges are of the bytes as they are stored, and `content-encoding` says how those were made: of object
   * stores. Left out: what is packed for the way has other ranges than the file, and is refused.
   */
  readonly isAsStored?: boolean;
  /** See `HttpCall`. */
  readonly isLed?: boolean;
  /**
   * A GET with these headers.
   *
   * @param expected the version that is wanted, of a server that does not call them by tags
   */
  request(
    headers: Readonly<Record<string, string>>,
    expected: string | null,
  ): HttpRequest | Promise<HttpRequest>;
  /** The version that an answer names. Left out: its tag, or its time of change. */
  versionOf?(head: AnswerHead): string | null;
  judge(answer: Answer): Error;
  /** See `HttpCall`. */
  onMeant?(): void;
}

/** What came of it. */
export interface RangeRead {
  /** Fewer than were asked for when the file ends before. */
  readonly bytes: Uint8Array;
  /** Null where the server says nothing by which it could be known. */
  readonly version: string | null;
  /** Of the file; null where the server does not say it. */
  readonly totalBytes: number | null;
}

/** A server that knows no ranges sends all that is before one, each time: none may lie further behind. */
const MOST_WHOLE_BYTES = 512 << 20;

/**
 * Reads a range, going on where a connection broke. All of it is of one version: each request names the one
 * that is expected, and each answer must be of that one, and the range that was asked for.
 *
 * @throws {STORE_CHANGED} when the file has another version than expected, or gets one meanwhile
 * @throws {STORE_FAILED} when the server answers with something else; and what the engine and `judge` throw
 */
export async function readRange(
  engine: Pick<HttpEngine, "call">,
  wanted: WantedRange,
  signal: AbortSignal,
): Promise<RangeRead> {
  const reading = new Reading(wanted);
  // A server may send less of a range than was asked for.
  do await engine.call(reading, signal);
  while (!reading.isDone);
  return reading.result();
}

class Reading {
  readonly path: string;
  readonly isLed: boolean;
  readonly #wanted: WantedRange;
  readonly #into: Uint8Array;
  /** How much of the range has come. */
  #filled = 0;
  #seen: Omit<RangeRead, "bytes"> | null = null;
  isDone = false;

  constructor(wanted: WantedRange) {
    this.path = wanted.path;
    this.isLed = wanted.isLed ?? true;
    this.#wanted = wanted;
    this.#into = unfilled(wanted.end - wanted.start);
  }

  progress(): number {
    return this.#filled;
  }

  request(): HttpRequest | Promise<HttpRequest> {
    const { start, end } = this.#wanted;
    const headers = {
      range: `bytes=${start + this.#filled}-${end - 1}`,
      // What is packed for the way has other ranges.
      "accept-encoding": "identity",
      ...conditionOf(this.#expected),
    };
    return this.#wanted.request(headers, this.#expected);
  }

  open(head: AnswerHead): BodyReader<void> | null {
    const { status, headers } = head;
    if (status === 412 && this.#expected !== null) throw changed(this.path, this.#expected, null);
    if (status !== 200 && status !== 206 && status !== 416) return null;
    const encoding = headers["content-encoding"] ?? "identity";
    if (encoding !== "identity" && this.#wanted.isAsStored !== true)
      throw this.#failed(`is sent packed (${encoding})`);
    if (status === 206) return this.#part(head);
    return status === 200 ? this.#whole(head) : this.#behindTheEnd(head);
  }

  judge(answer: Answer): Error {
    return this.#wanted.judge(answer);
  }

  onMeant(): void {
    this.#wanted.onMeant?.();
  }

  result(): RangeRead {
    if (this.#seen === null) throw new Error("broken invariant: a range that was read without an answer");
    const { version } = this.#wanted;
    // Nobody can say which version these bytes are of.
    if (version !== undefined && this.#seen.version === null && this.#filled > 0)
      throw changed(this.path, version, null);
    return { bytes: this.#into.subarray(0, this.#filled), ...this.#seen };
  }

  get #expected(): string | null {
    return this.#wanted.version ?? this.#seen?.version ?? null;
  }

  /** 206: from where it was asked for. */
  #part(head: AnswerHead): BodyReader<void> {
    const range = contentRangeOf(head);
    const start = this.#wanted.start + this.#filled;
    if (range === null || range.start !== start || range.end > this.#wanted.end || range.end <= start)
      throw this.#failed("answers with another range than it was asked for");
    const length = head.headers["content-length"];
    if (length !== undefined && Number(length) !== range.end - start)
      throw this.#failed("announces as many bytes as its range does not have");
    this.#see(head, range.totalBytes);
    return {
      take: (chunk) => {
        if (this.#wanted.start + this.#filled + chunk.length > range.end)
          throw this.#failed("sends more than its range");
        this.#into.set(chunk, this.#filled);
        this.#filled += chunk.length;
        return this.#wanted.start + this.#filled === range.end ? "enough" : "more";
      },
      end: () => {
        const at = this.#wanted.start + this.#filled;
        if (at < range.end) throw new PassingFailure("breaks off in its answer");
        this.isDone = at === this.#wanted.end || at === range.totalBytes;
      },
    };
  }

  /** 416: the file ends before the range begins. */
  #behindTheEnd(head: AnswerHead): BodyReader<void> {
    const total = /^bytes \*\/(\d+)$/.exec(head.headers["content-range"] ?? "")?.[1];
    if (total === undefined) throw this.#failed("answers 416, and does not say how large it is");
    // Of an answer without the file, many servers leave out its tag.
    if (head.headers.etag === undefined)
      this.#seen = { version: this.#versionOf(head, Number(total)), totalBytes: Number(total) };
    else this.#see(head, Number(total));
    return {
      take: () => "more",
      end: () => {
        this.isDone = true;
      },
    };
  }

  /** 200: all of the file, from its first byte. */
  #whole(head: AnswerHead): BodyReader<void> {
    const { start, end, whole } = this.#wanted;
    if (whole === "refuse") throw this.#failed("answers with all of it where a range was asked for");
    const length = head.headers["content-length"];
    const announced = length === undefined ? null : Number(length);
    this.#see(head, announced);
    this.#filled = 0;
    let at = 0;
    return {
      take: (chunk) => {
        const from = Math.max(0, start - at);
        const wantedOfIt = chunk.subarray(from, Math.max(from, end - at));
        this.#into.set(wantedOfIt, this.#filled);
        this.#filled += wantedOfIt.length;
        at += chunk.length;
        if (at > MOST_WHOLE_BYTES) throw this.#tooLarge();
        return at >= end && (announced !== null || whole === "take") ? "enough" : "more";
      },
      end: () => {
        if (at < Math.min(end, announced ?? 0)) throw new PassingFailure("breaks off in its answer");
        // All of it has come.
        if (announced === null && (whole === "count" || at < end)) this.#see(head, at);
        this.isDone = true;
      },
    };
  }

  #see(head: AnswerHead, totalBytes: number | null): void {
    const version = this.#versionOf(head, totalBytes);
    const expected = this.#expected;
    if (expected !== null && version !== null && expected !== version)
      throw changed(this.path, expected, version);
    this.#seen = { version, totalBytes };
  }

  #versionOf(head: AnswerHead, totalBytes: number | null): string | null {
    return this.#wanted.versionOf === undefined ? versionOf(head, totalBytes) : this.#wanted.versionOf(head);
  }

  #failed(what: string): ShardmillError {
    return failed("STORE_FAILED", this.path, what);
  }

  #tooLarge(): ShardmillError {
    return failed("STORE_REFUSED", this.path, `sends more than ${formatBytes(MOST_WHOLE_BYTES)}`, {
      hint: "its server knows no ranges: copy the file to where ranges can be read",
    });
  }
}

/** By what the server says of the file, the most precise first. */
export function versionOf({ headers }: AnswerHead, totalBytes: number | null): string | null {
  return headers.etag || headers["last-modified"] || (totalBytes === null ? null : `${totalBytes} bytes`);
}

/**
 * Asks for nothing but this version, as far as that can be said: to a condition no weak tag is the same, and
 * to some servers a time of change is later than the whole second that they tell.
 */
function conditionOf(version: string | null): Record<string, string> {
  return version?.startsWith('"') ? { "if-match": version } : {};
}

interface ContentRange {
  readonly start: number;
  /** Behind its last byte. */
  readonly end: number;
  readonly totalBytes: number | null;
}

/** `bytes 0-99/1234`, or with `*` for a size that is not known. */
function contentRangeOf({ headers }: AnswerHead): ContentRange | null {
  const [whole, first, last, total] =
    /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers["content-range"] ?? "") ?? [];
  if (whole === undefined) return null;
  return { start: Number(first), end: Number(last) + 1, totalBytes: total === "*" ? null : Number(total) };
}

/** Memory as it comes: none of it is looked at that was not filled. Zeros cost as much as the bytes do. */
function unfilled(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
