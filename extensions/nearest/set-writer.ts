import type { FileHandle } from "node:fs/promises";
import type { Data, RecordBatch } from "apache-arrow";
import { gather } from "../../shared/dataset/gather.ts";
import { offsetsOf } from "../../shared/dataset/offsets.ts";
import { columnData } from "../../shared/dataset/record-batch.ts";
import type { SetFacts } from "./op.ts";
import { encodeFacts, placesOf } from "./packed-set.ts";
import { readVectors } from "./read-vectors.ts";
import { lengthOf, weightOf } from "./similarity.ts";

/** Row of a record batch that a set cannot have. */
interface BadRow {
  readonly row: number;
  readonly what: string;
}

/** Writes a packed set: see `SetPlaces`. */
export class SetWriter {
  readonly #file: FileHandle;
  readonly #facts: Pick<SetFacts, "rows" | "ids" | "metric">;
  #dims: number | null = null;
  #row = 0;
  #textBytes = 0;
  #longest = 0;
  #shortest = Number.POSITIVE_INFINITY;

  constructor(file: FileHandle, facts: Pick<SetFacts, "rows" | "ids" | "metric">) {
    this.#file = file;
    this.#facts = facts;
  }

  get dims(): number {
    return this.#dims ?? 0;
  }

  /** Bytes of the set, with the texts so far. */
  get bytes(): number {
    return this.#idsEnd + this.#textBytes;
  }

  get #idsEnd(): number {
    const { rows, ids } = this.#facts;
    const { ids: start, texts } = placesOf({ rows, dims: this.dims });
    return ids === "string" ? texts : start + 8 * rows;
  }

  /** Writes the rows of a batch, unless the set would be too large. Returns the bad ones. */
  async add(batch: RecordBatch, vector: string, id: string): Promise<readonly BadRow[]> {
    const { dims, values, faults } = readVectors(columnData(batch, vector), this.#dims);
    this.#dims = dims;
    const bad = faults.flatMap((fault, row): BadRow[] =>
      fault === null ? [] : [{ row, what: `has a vector that ${fault.why}` }],
    );
    const weights = new Float32Array(batch.numRows);
    for (let row = 0; row < batch.numRows && dims !== null; row += 1) {
      if (faults[row] !== null) continue;
      const length = lengthOf(values.subarray(row * dims, (row + 1) * dims));
      if (length === 0 && this.#facts.metric === "cosine")
        bad.push({ row, what: "has a vector of zeros, which has no cosine" });
      weights[row] = weightOf(this.#facts.metric, length);
      this.#longest = Math.max(this.#longest, length);
      this.#shortest = Math.min(this.#shortest, length);
    }
    const given = columnData(batch, id);
    const ids = gather(given.type, [{ data: given, start: 0, end: batch.numRows }]);
    for (let row = 0; row < batch.numRows; row += 1)
      if (!ids.getValid(row)) bad.push({ row, what: "has an id that is null" });
    if (bad.length > 0 || dims === null) return bad;
    const places = placesOf({ rows: this.#facts.rows, dims });
    await this.#write(values, 4 * this.#row * dims);
    await this.#write(weights, places.weights + 4 * this.#row);
    await (this.#facts.ids === "string" ? this.#addTexts(ids) : this.#addNumbers(ids));
    this.#row += batch.numRows;
    return [];
  }

  /** Writes the end of the file. */
  async end(): Promise<void> {
    const { rows, ids, metric } = this.#facts;
    const facts = { rows, dims: this.dims, ids, metric, longest: this.#longest, shortest: this.#shortest };
    await this.#write(encodeFacts(facts), this.bytes);
  }

  async #addNumbers(ids: Data): Promise<void> {
    const values = ids.values as ArrayLike<number | bigint>;
    const { ids: start } = placesOf({ rows: this.#facts.rows, dims: this.dims });
    await this.#write(BigInt64Array.from(values, BigInt), start + 8 * this.#row);
  }

  async #addTexts(ids: Data): Promise<void> {
    const offsets = offsetsOf(ids);
    const first = offsets[0] ?? 0;
    const ends = Uint32Array.from(offsets.subarray(1), (end) => this.#textBytes + end - first);
    const { ids: start, texts } = placesOf({ rows: this.#facts.rows, dims: this.dims });
    const bytes = (ids.values as Uint8Array).subarray(first, offsets.at(-1));
    await this.#write(ends, start + 4 * this.#row);
    await this.#write(bytes, texts + this.#textBytes);
    this.#textBytes += bytes.length;
  }

  async #write({ buffer, byteOffset, byteLength }: ArrayBufferView, position: number): Promise<void> {
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }
}
