import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FooterReaders } from "../../coordinator/plan/footers/footer-readers.ts";
import { planShards } from "../../coordinator/plan/plan-shards.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { errorFromData } from "../../shared/core/errors.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import type { TableFormat } from "../../shared/domain/dataset.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import type { Trial } from "./kinds.ts";
import { FILE_NAMES, makeFile } from "./make-file.ts";

const FOOTER_LIMITS = { limitMs: 10_000, memoryLimitBytes: 2 * 2 ** 30 };

/** Rows to read: an accepted file may claim a billion rows. */
const READ_ROWS = 50_000;

/**
 * Tries input files: the coordinator's footer process plans each, and all is read as by a worker's shard
 * thread.
 */
export class InputTrials implements AsyncDisposable {
  readonly #folder: string;
  readonly #footers: FooterReaders;

  constructor(folder: string) {
    this.#folder = folder;
    this.#footers = new FooterReaders({ ...FOOTER_LIMITS, signal: NEVER });
  }

  async attempt(trial: Trial & { readonly kind: TableFormat }): Promise<string> {
    const { what, bytes } = makeFile(trial);
    const path = join(this.#folder, FILE_NAMES[trial.kind]);
    await writeFile(path, bytes);
    const footer = await this.#footer(path, trial.kind);
    planShards([footer], { shardRows: "auto" });
    await this.#read(path, trial.kind);
    return what;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#footers[Symbol.asyncDispose]();
  }

  async #footer(path: string, format: TableFormat) {
    await using storage = createLocalStorage();
    const location = parseLocation(path);
    const found = await storage.stat(location, NEVER);
    const [reply] = await this.#footers.read([{ path: location, format, ...found }]);
    if (reply?.kind === "read") return reply.footer;
    throw reply === undefined ? new Error("no reply") : errorFromData(reply.error);
  }

  async #read(path: string, format: TableFormat): Promise<void> {
    const { size } = await stat(path);
    await using storage = createLocalStorage();
    using file = await openDatasetFile(byteSource(storage, parseLocation(path), size), format, NEVER);
    const columns = file.schema.fields.map(({ name }) => name);
    for await (const batch of file.read({
      rowStart: 0,
      rowEnd: Math.min(file.rows, READ_ROWS),
      columns,
      signal: NEVER,
    })) {
      for (const name of columns) {
        const column = batch.getChild(name);
        column?.get(0);
        column?.get(batch.numRows - 1);
      }
    }
  }
}
