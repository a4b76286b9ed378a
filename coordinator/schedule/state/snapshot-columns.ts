import { asDigest } from "../../../shared/core/digest.ts";
import { recordOf } from "../../../shared/core/record-of.ts";
import { asExecutionId } from "../../../shared/domain/execution-id.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import { NO_ROWS, ROW_COUNT_NAMES, type RowCounts } from "../../../shared/domain/row-counts.ts";
import { shardId } from "../../../shared/domain/shard.ts";
import { compareTokens } from "../../../shared/domain/token.ts";
import { EXECUTION_ID_LENGTH, type FileLayout, isOrdinary, SHA256_LENGTH } from "./packed-commit.ts";
import type { AttemptEntry, ShardEntry } from "./shard-state.ts";

/**
 * Shards that were committed at their first attempt, as one column for each fact. A million of them are read
 * in a second or two, and their records in ten times as long. Texts of equal length are concatenated, and
 * sliced when read.
 */
export interface CommittedColumns {
  /** Distinct worker names and file layouts. `worker` and `layout` are indices into them. */
  readonly workers: readonly string[];
  readonly layouts: readonly FileLayout[];
  readonly shard: readonly number[];
  readonly worker: readonly number[];
  readonly generation: readonly number[];
  readonly sequence: readonly number[];
  readonly executionId: string;
  readonly digest: string;
  /** A snapshot of an earlier version lacks counts that were added since. */
  readonly counts: { readonly [count in keyof RowCounts]?: readonly number[] };
  readonly layout: readonly number[];
  /** Facts of all files of all partials, concatenated. */
  readonly fileRows: readonly number[];
  readonly fileBytes: readonly number[];
  readonly fileSha256: string;
}

/** Checks whether the columns hold all facts of a shard. */
export function fitsColumns(entry: ShardEntry): boolean {
  const { state, parent, attempts, failures, revocations, forgottenUpTo } = entry;
  const [attempt] = attempts;
  if (state.kind !== "committed" || parent !== null || attempt === undefined || attempts.length > 1)
    return false;
  if (failures.length > 0 || revocations > 0 || forgottenUpTo !== null) return false;
  const { partial } = state;
  const { token, backup, end } = attempt;
  if (end !== null || backup || compareTokens(partial.token, token) !== 0) return false;
  return isOrdinary(partial);
}

/** @param entries shards that all fit */
export function inColumns(entries: readonly ShardEntry[]): CommittedColumns {
  const workers = new Numbering();
  const layouts = new Numbering();
  const partials: PartialManifest[] = [];
  const worker: number[] = [];
  for (const { state, attempts } of entries) {
    const [attempt] = attempts;
    if (state.kind !== "committed" || attempt === undefined) continue;
    partials.push(state.partial);
    worker.push(workers.of(attempt.worker));
  }
  const files = partials.flatMap((partial) => partial.files);
  return {
    shard: partials.map(({ shard }) => shard),
    worker,
    generation: partials.map(({ token }) => token.generation),
    sequence: partials.map(({ token }) => token.sequence),
    executionId: partials.map(({ executionId }) => executionId).join(""),
    digest: partials.map(({ digest }) => digest).join(""),
    counts: recordOf(ROW_COUNT_NAMES, (name) => partials.map((partial) => partial[name])),
    layout: partials.map((partial) =>
      layouts.of(JSON.stringify(partial.files.map(({ kind, name }) => [kind, name]))),
    ),
    fileRows: files.map(({ rows }) => rows),
    fileBytes: files.map(({ bytes }) => bytes),
    fileSha256: files.map(({ sha256 }) => sha256).join(""),
    workers: workers.texts,
    layouts: layouts.texts.map((text) => JSON.parse(text) as FileLayout),
  };
}

/**
 * Passes the shards of the columns, in order. There may be a million, so nothing else is allocated for each
 * one.
 */
export function forEachCommitted(
  columns: CommittedColumns,
  take: (partial: PartialManifest, attempt: AttemptEntry) => void,
): void {
  const { workers, layouts, counts, fileRows, fileBytes } = columns;
  const executionIds = new Pieces(columns.executionId, EXECUTION_ID_LENGTH);
  const digests = new Pieces(columns.digest, SHA256_LENGTH);
  const fileDigests = new Pieces(columns.fileSha256, SHA256_LENGTH);
  let file = 0;
  for (let at = 0; at < columns.shard.length; at += 1) {
    const token = { generation: cell(columns.generation, at), sequence: cell(columns.sequence, at) };
    const layout = cell(layouts, cell(columns.layout, at));
    const files = layout.map(([kind, name], index) => ({
      kind,
      name,
      rows: cell(fileRows, file + index),
      bytes: cell(fileBytes, file + index),
      sha256: asDigest(fileDigests.at(file + index)),
    }));
    file += layout.length;
    const partial = {
      shard: shardId(cell(columns.shard, at)),
      token,
      executionId: asExecutionId(executionIds.at(at)),
      ...NO_ROWS,
      firstDeadLetter: null,
      files,
      digest: asDigest(digests.at(at)),
    };
    for (const name of ROW_COUNT_NAMES) {
      const column = counts[name];
      if (column !== undefined) partial[name] = cell(column, at);
    }
    const worker = cell(workers, cell(columns.worker, at));
    take(partial, { token, worker, backup: false, end: null });
  }
}

/** Numbers distinct texts in the order of their first use. */
class Numbering {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.texts.push(text) - 1;
    this.#numbers.set(text, number);
    return number;
  }
}

/** Concatenated texts of equal length. */
class Pieces {
  readonly #whole: string;
  readonly #length: number;

  constructor(whole: string, length: number) {
    this.#whole = whole;
    this.#length = length;
  }

  at(index: number): string {
    const start = index * this.#length;
    const piece = this.#whole.slice(start, start + this.#length);
    if (piece.length !== this.#length) throw new Error("a column of a snapshot is too short");
    return piece;
  }
}

function cell<T>(column: readonly T[], at: number): T {
  const value = column[at];
  if (value === undefined) throw new Error("a column of a snapshot is too short");
  return value;
}
