import { Field, FixedSizeList, Float32, makeData, type RecordBatch, Schema } from "apache-arrow";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { cellReader } from "../../shared/dataset/cell-reader.ts";
import { describeFieldType } from "../../shared/dataset/columns.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource, type Storage } from "../../shared/storage/storage.ts";
import { arrowFieldOf, columnOf } from "../../shared/values/write-values.ts";
import { ID_TYPES, type SetFacts } from "./op.ts";

/** Consecutive vectors of a set. */
export interface Block {
  readonly rows: number;
  readonly vectors: Float32Array;
  readonly idAt: (row: number) => unknown;
}

/** Numbers of a block. Its products and scores stay in the processor's cache. */
const BLOCK_NUMBERS = 2 ** 20;
const BLOCK_ROWS = 1_024;

/** Returns the rows of a set's blocks, which are the record batches of its file. */
export function blockRows(dims: number): number {
  return Math.max(1, Math.min(BLOCK_ROWS, Math.floor(BLOCK_NUMBERS / dims)));
}

/** Returns rows of a set's file: an Arrow file with vectors of float32, and ids. */
export function setRows(
  { dims, ids: name }: Pick<SetFacts, "dims" | "ids">,
  values: Float32Array,
  ids: readonly unknown[],
): RecordBatch {
  const { length } = ids;
  const vector = new FixedSizeList(dims, new Field("item", new Float32(), false));
  const id = { name: "id", type: { shape: { kind: "scalar", name }, isNullable: false } } as const;
  const child = makeData({ type: new Float32(), length: length * dims, nullCount: 0, data: values });
  return recordBatchOf(new Schema([new Field("vector", vector, false), arrowFieldOf(id)]), length, [
    makeData({ type: vector, length, nullCount: 0, child }),
    columnOf(ids, id.type),
  ]);
}

/** Returns the numbers of each vector in a set's file. */
export function dimsOf({ fields: [vector] }: Schema): number {
  return present(vector, "the column of vectors").type.listSize;
}

/** Packed set on this machine. */
export class PackedSet implements AsyncDisposable {
  readonly facts: SetFacts;
  readonly #storage: Storage;
  readonly #file: DatasetFile;

  private constructor(storage: Storage, file: DatasetFile) {
    const id = present(fieldsOf(file.schema)[1], "the column of ids");
    const ids = ID_TYPES.find((each) => each === describeFieldType(id.type));
    this.facts = { rows: file.rows, dims: dimsOf(file.schema), ids: present(ids, "a type of ids") };
    this.#storage = storage;
    this.#file = file;
  }

  static async open(path: string): Promise<PackedSet> {
    const storage = createLocalStorage();
    const location = parseLocation(path);
    const { bytes } = await storage.stat(location, NEVER);
    const file = await openDatasetFile(byteSource(storage, location, bytes), "arrow", NEVER);
    return new PackedSet(storage, file);
  }

  async *blocks(signal: AbortSignal): AsyncGenerator<Block, void> {
    const columns = ["vector", "id"];
    for await (const batch of this.#file.read({ rowStart: 0, rowEnd: this.facts.rows, columns, signal })) {
      const numbers = present(columnData(batch, "vector").children[0], "a list has a child");
      const vectors: Float32Array = numbers.values;
      yield { rows: batch.numRows, vectors, idAt: cellReader(columnData(batch, "id")) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file[Symbol.dispose]();
    await this.#storage[Symbol.asyncDispose]();
  }
}
