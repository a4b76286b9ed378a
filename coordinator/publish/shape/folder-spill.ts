import { join } from "node:path";
import { type Data, type RecordBatch, RecordBatchReader, Schema, Table, tableToIPC } from "apache-arrow";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { gather, type Stretch } from "../../../shared/dataset/gather.ts";
import { plainField } from "../../../shared/dataset/plain-type.ts";
import { columnData, quickSchema, recordBatchOf } from "../../../shared/dataset/record-batch.ts";
import { rowBytes } from "../../../shared/dataset/value-bytes.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { MOST_FOLDERS } from "../../../shared/domain/rows-form.ts";
import { createLocalStorage } from "../../../shared/storage/local.ts";
import { createFile } from "../../../shared/storage/local-file.ts";
import { tooManyFolders } from "./folder-count.ts";
import { folderName, textsOf } from "./folder-names.ts";
import type { RowStretch } from "./plan-parts.ts";

/** Bytes of rows that wait to be spilled: enough for a large piece per folder, even with many folders. */
const WAITING_BYTES = 64 << 20;

type NewFile = Awaited<ReturnType<typeof createFile>>;

interface Piece {
  readonly start: number;
  readonly bytes: number;
  readonly rows: number;
}

interface Folder {
  /** Rows by source, in the order in which they came. */
  readonly stretches: { source: number; rows: number; rowBytes: number }[];
  readonly pieces: Piece[];
  waiting: Stretch[][];
}

/**
 * Sorts rows into folders: takes them in plan order and returns them folder by folder. Between the two, all
 * rows are in one file as pieces of Arrow, for any number of folders. The position of each piece is in
 * memory.
 */
export class FolderSpill implements AsyncDisposable {
  /** Schema of the rows, without the columns that name their folders. */
  readonly schema: Schema;
  readonly #partitionBy: readonly string[];
  readonly #columns: readonly number[];
  readonly #path: string;
  readonly #file: NewFile;
  readonly #storage = createLocalStorage();
  readonly #folders = new Map<string, Folder>();
  #waitingBytes = 0;
  #end = 0;

  private constructor(
    schema: Schema,
    partitionBy: readonly string[],
    made: { readonly path: string; readonly file: NewFile },
  ) {
    this.#columns = [...schema.fields.keys()].filter(
      (index) => !partitionBy.includes(schema.fields[index]?.name ?? ""),
    );
    this.schema = quickSchema(new Schema(schema.selectAt([...this.#columns]).fields.map(plainField)));
    this.#partitionBy = partitionBy;
    this.#path = made.path;
    this.#file = made.file;
  }

  /** @param scratch a folder of the caller's own, on this machine's disk */
  static async open(schema: Schema, partitionBy: readonly string[], scratch: string): Promise<FolderSpill> {
    await makeFolders(scratch);
    const path = join(scratch, "folders.spill");
    return new FolderSpill(schema, partitionBy, { path, file: await createFile(path) });
  }

  /**
   * @param from the file of the rows
   * @throws {OUTPUT_FAILED} for a value with no valid folder name, or too many folders
   */
  async add(batch: RecordBatch, from: Pick<RowStretch, "source" | "rowBytes">): Promise<void> {
    const texts = this.#partitionBy.map((name) => ({ name, textAt: textsOf(name, columnData(batch, name)) }));
    const folderOf = (row: number) =>
      texts.map(({ name, textAt }) => folderName(name, textAt(row))).join("/");
    for (let start = 0; start < batch.numRows; ) {
      const name = folderOf(start);
      let end = start + 1;
      while (end < batch.numRows && folderOf(end) === name) end += 1;
      this.#take(name, { batch, start, end }, from);
      start = end;
    }
    this.#waitingBytes += rowBytes(batch.data, 0, batch.numRows);
    if (this.#waitingBytes > WAITING_BYTES) await this.flush();
  }

  #take(
    name: string,
    { batch, start, end }: { batch: RecordBatch; start: number; end: number },
    { source, rowBytes: each }: Pick<RowStretch, "source" | "rowBytes">,
  ): void {
    const folder = this.#folders.get(name) ?? this.#addFolder(name);
    const last = folder.stretches.at(-1);
    if (last?.source === source) last.rows += end - start;
    else folder.stretches.push({ source, rows: end - start, rowBytes: each });
    folder.waiting.push(
      this.#columns.map((index) => ({ data: batch.data.children[index] ?? null, start, end })),
    );
  }

  #addFolder(name: string): Folder {
    if (this.#folders.size >= MOST_FOLDERS) throw tooManyFolders(this.#partitionBy);
    const folder: Folder = { stretches: [], pieces: [], waiting: [] };
    this.#folders.set(name, folder);
    return folder;
  }

  /** Spills the rows that wait. Call it after the last rows. */
  async flush(): Promise<void> {
    for (const folder of this.#folders.values()) {
      if (folder.waiting.length === 0) continue;
      const bytes = this.#encode(folder.waiting);
      const rows = folder.waiting.reduce((sum, [first]) => sum + lengthOf(first), 0);
      folder.waiting = [];
      await this.#file.append(bytes);
      folder.pieces.push({ start: this.#end, bytes: bytes.length, rows });
      this.#end += bytes.length;
    }
    this.#waitingBytes = 0;
  }

  #encode(waiting: readonly Stretch[][]): Uint8Array {
    const rows = waiting.reduce((sum, [first]) => sum + lengthOf(first), 0);
    const columns = this.schema.fields.map(
      ({ type }, at): Data =>
        gather(
          type,
          waiting.map((stretches) => stretches[at] ?? { data: null, start: 0, end: 0 }),
        ),
    );
    return tableToIPC(new Table(this.schema, [recordBatchOf(this.schema, rows, columns)]), "stream");
  }

  /** Returns the folders, sorted by name as listings sort them. */
  folders(): readonly { readonly name: string; readonly stretches: readonly RowStretch[] }[] {
    const names = [...this.#folders.keys()].sort();
    return names.map((name) => ({ name, stretches: this.#folders.get(name)?.stretches ?? [] }));
  }

  /** Reads rows `[start, end)` of a folder, in their order. */
  async *read(name: string, start: number, end: number, signal: AbortSignal): AsyncGenerator<RecordBatch> {
    let first = 0;
    for (const piece of this.#folders.get(name)?.pieces ?? []) {
      const [from, to] = [Math.max(start - first, 0), Math.min(end - first, piece.rows)];
      first += piece.rows;
      if (from >= to) continue;
      const location = parseLocation(this.#path);
      const bytes = await this.#storage.read(location, piece.start, piece.start + piece.bytes, { signal });
      for (const batch of RecordBatchReader.from(bytes))
        yield from === 0 && to === piece.rows ? batch : batch.slice(from, to);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
    await this.#storage[Symbol.asyncDispose]();
  }
}

function lengthOf(stretch: Stretch | undefined): number {
  return stretch === undefined ? 0 : stretch.end - stretch.start;
}
