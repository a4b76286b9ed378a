import type { RecordBatch } from "apache-arrow";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { cellsOf } from "../../shared/dataset/cell-reader.ts";
import { columnData } from "../../shared/dataset/record-batch.ts";
import type { FileCells } from "../../shared/domain/file-cells.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { RowFailure } from "../../shared/steps/step.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { openRowStorages, type RowFile, readFileCell } from "../../shared/storage/row-file.ts";
import { type DecodePlan, ImageDecoder } from "./decode.ts";
import type { Pixels } from "./pixels.ts";

/** Images in progress: one is scaled here while the next is read, or decoded by a thread of libvips. */
const IN_FLIGHT = 2;

/** Limit of a file, above that of any decodable image. A file is read whole. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Reads the image of a cell: its bytes, or the file that it names.
 *
 * @throws the errors of {@link readFileCell}
 */
export async function imageOfCell(
  cell: unknown,
  cells: FileCells,
  { storages, signal }: { readonly storages: Storages; readonly signal: AbortSignal },
): Promise<RowFile> {
  return await readFileCell(storages, cell, cells, { maxBytes: MAX_FILE_BYTES, signal });
}

interface ReaderOptions {
  /** Column of the images. */
  readonly column: string;
  readonly cells: FileCells;
  readonly plan: DecodePlan;
  readonly stores: JobStores;
}

/** Uses the pixels of a row's image, valid until it returns. Returns why it refuses them, or null. */
type UsePixels = (row: number, image: Pixels) => string | null;

/** Reader of a column of images, for one thread. */
export class ImageReader implements AsyncDisposable {
  readonly #options: ReaderOptions;
  readonly #decoder = new ImageDecoder();
  readonly #storages: Storages;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#storages = openRowStorages(options.stores);
  }

  /**
   * Decodes the images of a record batch. Returns the rows that fail.
   *
   * @throws {STORE_FAILED} when the store of an image fails, rather than the image itself
   */
  async read(batch: RecordBatch, use: UsePixels, signal: AbortSignal): Promise<readonly RowFailure[]> {
    const failed: RowFailure[] = [];
    const failures = mapInOrder(
      rowsOf(cellsOf(columnData(batch, this.#options.column))),
      () => IN_FLIGHT,
      (row) => this.#readRow(row, use, signal),
    );
    for await (const failure of failures) if (failure !== null) failed.push(failure);
    return failed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#decoder[Symbol.asyncDispose]();
    await this.#storages[Symbol.asyncDispose]();
  }

  /** Returns the reason of a row's dead letter, or null. */
  async #readRow({ row, cell }: RowCell, use: UsePixels, signal: AbortSignal): Promise<RowFailure | null> {
    const { column, cells, plan } = this.#options;
    const failure = (code: RowFailure["code"], message: string): RowFailure => ({ row, code, message });
    if (cell === null) return failure("ROW_NULL", `column \`${column}\` is null`);
    const bytes = await imageOfCell(cell, cells, { storages: this.#storages, signal });
    const refused = (code: RowFailure["code"], why: string) =>
      failure(code, `the image in column \`${column}\` ${why}`);
    if (bytes.kind === "refused") return refused("ROW_VALUE", bytes.why);
    const decoded = await this.#decoder.decode(bytes.bytes, plan, (image) => use(row, image), signal);
    if (decoded.kind === "refused") return refused(decoded.code ?? "ROW_VALUE", decoded.why);
    return decoded.image === null ? null : refused("ROW_LENGTH", decoded.image);
  }
}

interface RowCell {
  readonly row: number;
  readonly cell: unknown;
}

async function* rowsOf(cells: Iterable<unknown>): AsyncGenerator<RowCell, void, undefined> {
  let row = 0;
  for (const cell of cells) {
    yield { row, cell };
    row += 1;
  }
}
