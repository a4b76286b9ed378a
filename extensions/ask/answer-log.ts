import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { parseJson } from "../../shared/core/parse-json.ts";
import type { Shard } from "../../shared/domain/shard.ts";

/** Reply of the server that ends a request. */
export interface LoggedReply {
  readonly status: number;
  readonly body: string;
}

/**
 * Replies for the rows of a shard, by the digest of the request. A reply is appended to a file before it is
 * used. So another attempt of the shard on this machine asks only what is missing. The file outlasts a killed
 * process. After a power failure, the last replies may be missing.
 *
 * One line for each reply: `{"key":"...","status":200,"body":"..."}`. An incomplete line is ignored.
 */
export class AnswerLog implements Disposable {
  readonly #replies: Map<string, LoggedReply[]>;
  readonly #file: number | null;
  readonly #path: string;

  private constructor(replies: Map<string, LoggedReply[]>, path: string, file: number | null) {
    this.#replies = replies;
    this.#path = path;
    this.#file = file;
  }

  /** Makes a log that is kept nowhere, for rows outside of a job. */
  static none(): AnswerLog {
    return new AnswerLog(new Map(), "", null);
  }

  /**
   * Opens the log of a shard. Reads the files of all shards with rows of this one: a shard may be half of an
   * earlier one.
   *
   * @throws {CACHE_FAILED} when the folder cannot be used
   */
  static async open(folder: string, { rowStart, rowEnd }: Shard): Promise<AnswerLog> {
    const path = join(folder, `${rowStart}-${rowEnd}.jsonl`);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const replies = new Map<string, LoggedReply[]>();
      for (const name of await readdir(folder)) {
        const [, start, end] = /^(\d+)-(\d+)\.jsonl$/.exec(name) ?? [];
        if (start === undefined || Number(start) >= rowEnd || Number(end) <= rowStart) continue;
        for (const { key, ...reply } of linesOf(await readFile(join(folder, name), "utf8"))) {
          replies.set(key, [...(replies.get(key) ?? []), reply]);
        }
      }
      const file = openSync(path, "a+", 0o600);
      endLine(file);
      return new AnswerLog(replies, path, file);
    } catch (error) {
      throw logFailed(path, error);
    }
  }

  /** Path of the file. Empty: nothing is kept. */
  get name(): string {
    return this.#path;
  }

  /** Returns the replies to a request so far, in order. */
  of(key: string): readonly LoggedReply[] {
    return this.#replies.get(key) ?? [];
  }

  /** Appends a reply. @throws {CACHE_FAILED} */
  add(key: string, reply: LoggedReply): void {
    this.#replies.set(key, [...this.of(key), reply]);
    if (this.#file === null) return;
    try {
      writeSync(this.#file, `${JSON.stringify({ key, ...reply })}\n`);
    } catch (error) {
      throw logFailed(this.#path, error);
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== null) closeSync(this.#file);
  }
}

/** Parses the lines of a log. Skips lines that were not written to the end. */
function linesOf(text: string): readonly (LoggedReply & { readonly key: string })[] {
  return text.split("\n").flatMap((line) => {
    const parsed = parseJson(line);
    if (typeof parsed !== "object" || parsed === null) return [];
    const { key, status, body } = parsed as Readonly<Record<string, unknown>>;
    const isReply = typeof key === "string" && typeof status === "number" && typeof body === "string";
    return isReply ? [{ key, status, body }] : [];
  });
}

/** Ends the last line of a file, if a killed process wrote only a part of it. */
function endLine(file: number): void {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  if (size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last.toString() !== "\n")
    writeSync(file, "\n");
}

function logFailed(path: string, error: unknown): ShardmillError {
  return new ShardmillError("CACHE_FAILED", `the answer log ${path} cannot be used: ${messageOf(error)}`, {
    fields: { path },
    hint: "free space in the folder of SHARDMILL_CACHE, or name another",
    cause: error,
  });
}
