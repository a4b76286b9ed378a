import type { ShardmillError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import { changed, failed, PassingFailure } from "./failures.ts";
import type { HttpEngine } from "./http-engine.ts";
import type { Answer, AnswerHead, BodyReader, HttpRequest } from "./messages.ts";

/** Bytes `[start, end)` of a file on a web server or in an object store. */
export interface WantedRange {
  /** Name of the file for errors. */
  readonly path: string;
  readonly start: number;
  readonly end: number;
  /** Version that the file must have. Default: any, but one for the whole range. */
  readonly version?: string;
  /**
   * Handling of a server without ranges. `refuse`: fails. `take`: reads the whole file and takes the range.
   * `count`: like `take`, and reads to the end if the size is unknown.
   */
  readonly whole: "refuse" | "take" | "count";
  /**
   * True for object stores: ranges refer to the stored bytes, and `content-encoding` describes them. Default:
   * refuses encoded answers, whose ranges differ from the file's.
   */
  readonly isAsStored?: boolean;
  /** Option of `HttpCall`. */
  readonly isLed?: boolean;
  /**
   * Makes a GET request with these headers.
   *
   * @param expected wanted version, for servers that do not identify versions by tags
   */
  request(
    headers: Readonly<Record<string, string>>,
    expected: string | null,
  ): HttpRequest | Promise<HttpRequest>;
  /** Returns the version that an answer names. Default: its tag, or its time of change. */
  versionOf?(head: AnswerHead): string | null;
  judge(answer: Answer): Error;
  /** Option of `HttpCall`. */
  onMeant?(): void;
}

/** Result of a read. */
export interface RangeRead {
  /** Bytes of the range: fewer when the file ends earlier. */
  readonly bytes: Uint8Array;
  /** Version of the file. Null: unknown. */
  readonly version: string | null;
  /** Size of the file. Null: unknown. */
  readonly totalBytes: number | null;
}

/** Limit of a read without ranges: each time, the server sends all bytes before the range. */
const MOST_WHOLE_BYTES = 512 << 20;

/**
 * Reads a range, and continues after a lost connection. All bytes are of one version. Each request names the
 * expected version, and each answer must match the version and the range.
 *
 * @throws {STORE_CHANGED} when the file has another version than expected, or gets one meanwhile
 * @throws {STORE_FAILED} for an invalid answer
 * @throws the errors of the engine and of `judge`
 */
export async function readRange(
  engine: Pick<HttpEngine, "call">,
  wanted: WantedRange,
  signal: AbortSignal,
): Promise<RangeRead> {
  const reading = new Reading(wanted);
  // A server may send less of a range than requested.
  do await engine.call(reading, signal);
  while (!reading.isDone);
  return reading.result();
}

class Reading {
  readonly path: string;
  readonly isLed: boolean;
  readonly #wanted: WantedRange;
  readonly #into: Uint8Array;
  /** Bytes of the range that have arrived. */
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
      // An encoded answer has other ranges.
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
      throw this.#failed(`is sent compressed (${encoding})`);
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
    // The version of these bytes is unknown.
    if (version !== undefined && this.#seen.version === null && this.#filled > 0)
      throw changed(this.path, version, null);
    return { bytes: this.#into.subarray(0, this.#filled), ...this.#seen };
  }

  get #expected(): string | null {
    return this.#wanted.version ?? this.#seen?.version ?? null;
  }

  /** Reads a 206 answer: the range from the requested start on. */
  #part(head: AnswerHead): BodyReader<void> {
    const range = contentRangeOf(head);
    const start = this.#wanted.start + this.#filled;
    if (range === null || range.start !== start || range.end > this.#wanted.end || range.end <= start)
      throw this.#failed("answers with another range than requested");
    const length = head.headers["content-length"];
    if (length !== undefined && Number(length) !== range.end - start)
      throw this.#failed("announces a length that its range does not have");
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
        if (at < range.end) throw new PassingFailure("ends its response too early");
        this.isDone = at === this.#wanted.end || at === range.totalBytes;
      },
    };
  }

  /** Reads a 416 answer: the file ends before the range begins. */
  #behindTheEnd(head: AnswerHead): BodyReader<void> {
    const total = /^bytes \*\/(\d+)$/.exec(head.headers["content-range"] ?? "")?.[1];
    if (total === undefined) throw this.#failed("answers 416 without its size");
    // Many servers omit the tag in an answer without the file.
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

  /** Reads a 200 answer: the whole file, from its first byte. */
  #whole(head: AnswerHead): BodyReader<void> {
    const { start, end, whole } = this.#wanted;
    if (whole === "refuse") throw this.#failed("answers with the whole file instead of a range");
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
        if (at < Math.min(end, announced ?? 0)) throw new PassingFailure("ends its response too early");
        // The whole file has arrived.
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
      hint: "copy the file to a server that supports ranges",
    });
  }
}

/** Returns the version of a file by the server's most precise header. */
export function versionOf({ headers }: AnswerHead, totalBytes: number | null): string | null {
  return headers.etag || headers["last-modified"] || (totalBytes === null ? null : `${totalBytes} bytes`);
}

/**
 * Returns the condition for this version, if possible. A weak tag matches no condition. A time of change is
 * unreliable: some servers compare it with finer times than they report.
 */
function conditionOf(version: string | null): Record<string, string> {
  return version?.startsWith('"') ? { "if-match": version } : {};
}

interface ContentRange {
  readonly start: number;
  /** Position after the last byte. */
  readonly end: number;
  readonly totalBytes: number | null;
}

/** Parses `bytes 0-99/1234`. A size of `*` is unknown. */
function contentRangeOf({ headers }: AnswerHead): ContentRange | null {
  const [whole, first, last, total] =
    /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers["content-range"] ?? "") ?? [];
  if (whole === undefined) return null;
  return { start: Number(first), end: Number(last) + 1, totalBytes: total === "*" ? null : Number(total) };
}

/** Allocates memory that is not cleared: clearing takes as long as the bytes. Only filled bytes are read. */
function unfilled(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
