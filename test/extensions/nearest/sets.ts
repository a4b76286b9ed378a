import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  type Table,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { findSet } from "../../../extensions/nearest/find-set.ts";
import type { NearestOp } from "../../../extensions/nearest/op.ts";
import { packSet } from "../../../extensions/nearest/pack-set.ts";
import { PackedSet } from "../../../extensions/nearest/packed-set.ts";
import { digestFile } from "../../../shared/core/digest.ts";
import { encodeHalf } from "../../../shared/core/float16.ts";
import { encodeParquet } from "../../../shared/dataset/encode.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { StepFile } from "../../../shared/domain/step-binding.ts";
import { only, tableOf } from "../../support/sample-table.ts";

const { signal } = new AbortController();

export type Ids = readonly (number | bigint | string | null)[];
export type Rows = readonly (readonly (number | null)[] | null)[];
type Width = 16 | 32 | 64;

/** Returns a column of vectors as lists. */
export function vectors(rows: Rows, width: Width = 32) {
  const item = width === 16 ? new Float16() : width === 32 ? new Float32() : new Float64();
  return only(vectorFromArray(rows, new List(new Field("item", item, true)) as DataType));
}

/** Returns a column of vectors as lists of fixed size, without nulls. */
export function fixedVectors(rows: readonly (readonly number[])[], width: Width = 32) {
  const length = rows[0]?.length ?? 0;
  const numbers = rows.flat();
  const [item, data] =
    width === 16
      ? [new Float16(), Uint16Array.from(numbers, encodeHalf)]
      : width === 32
        ? [new Float32(), Float32Array.from(numbers)]
        : [new Float64(), Float64Array.from(numbers)];
  const child = makeData({ type: item, length: numbers.length, nullCount: 0, data } as never);
  const type = new FixedSizeList(length, new Field("item", item as DataType, true));
  return makeData({ type, length: rows.length, nullCount: 0, child });
}

function idColumn(ids: Ids) {
  const some = ids.find((id) => id !== null);
  const type = typeof some === "string" ? new Utf8() : typeof some === "bigint" ? new Int64() : new Int32();
  return only(vectorFromArray(ids, type as DataType));
}

/** @param ids default: 0, 1, 2, ... */
export function setTable(column: ReturnType<typeof vectors>, ids?: Ids): Table {
  return tableOf({ id: idColumn(ids ?? [...new Array(column.length).keys()]), vector: column });
}

/** Folder with packed sets. */
export class SetFolder implements AsyncDisposable {
  readonly #path: string;
  #sets = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  static async make(): Promise<SetFolder> {
    return new SetFolder(await mkdtemp(join(tmpdir(), "shardmill-set-")));
  }

  /** Packs tables, a file each. Returns the problems, and the packed file if there are none. */
  async pack(tables: readonly Table[], metric: NearestOp["metric"], { mostBytes = 2 ** 30 } = {}) {
    const path = join(this.#path, `in-${this.#sets}`);
    await mkdir(path);
    for (const [at, table] of tables.entries())
      await writeFile(join(path, `${at}.parquet`), encodeParquet(table, { rowGroupRows: 100 }));
    const target = join(this.#path, `${this.#sets++}.arrow`);
    const columns = { vector: "vector", id: "id" };
    const named = { where: "step", path, stores: NO_STORES, ...columns };
    const found = await findSet(named, { ownInput: true, signal });
    const question = { ...columns, where: "step.among", metric, target, mostBytes };
    const problems = "problems" in found ? found.problems : await packSet({ ...question, ...found }, signal);
    return { problems, target };
  }

  /** Packs a set and returns the op of a step over it, with the file. */
  async opOf(
    tables: readonly Table[],
    op: Pick<NearestOp, "metric" | "k">,
  ): Promise<{ readonly op: NearestOp; readonly file: StepFile }> {
    const { problems, target } = await this.pack(tables, op.metric);
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
    await using set = await PackedSet.open(target);
    const file = { location: parseLocation(target), ...(await digestFile(target, signal)) };
    return { op: { ...set.facts, column: "vector", as: "nearest", ...op }, file };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#path, { recursive: true, force: true });
  }
}
