import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Table } from "apache-arrow";
import { buildManifest } from "../../../coordinator/publish/layout.ts";
import { manifestText } from "../../../coordinator/publish/read-manifest.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import type { PieceLimits } from "../../../shared/dataset/cut-rows.ts";
import { encodeArrow, encodeParquet } from "../../../shared/dataset/encode.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputFile, type OutputManifest } from "../../../shared/domain/manifest.ts";
import { rowCounts } from "../builders.ts";
import { FACTS } from "../small-output.ts";

/** Tables by path, e.g. `rows/part-00000.parquet`. */
export type OutputTables = Readonly<Record<string, Table>>;

/** An output of known tables, as a job publishes it. Disposal removes it. */
export class PublishedOutput implements AsyncDisposable {
  readonly location: Location;
  /** Columns of the rows in the manifest. */
  columns: OutputManifest["columns"] = null;

  private constructor(folder: string) {
    this.location = parseLocation(folder);
  }

  static async make(tables: OutputTables, arrowBatches?: PieceLimits): Promise<PublishedOutput> {
    const output = new PublishedOutput(await mkdtemp(join(tmpdir(), "shardmill-published-")));
    await output.publish(tables, arrowBatches);
    return output;
  }

  /** Publishes tables and replaces the previous output. */
  async publish(tables: OutputTables, arrowBatches?: PieceLimits): Promise<void> {
    const files: OutputFile[] = [];
    for (const [path, table] of Object.entries(tables)) {
      const bytes = path.endsWith(".arrow") ? encodeArrow(table, arrowBatches) : encodeParquet(table);
      const file = join(this.location, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, bytes);
      const kind = path.split("/")[0]?.replace("_", "") as OutputFile["kind"];
      files.push({ path, kind, rows: table.numRows, bytes: bytes.length, sha256: sha256(bytes) });
    }
    await writeFile(
      join(this.location, MANIFEST_NAME),
      manifestText({ ...manifestOf(files), columns: this.columns }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.location, { recursive: true, force: true });
  }
}

function manifestOf(files: readonly OutputFile[]) {
  const sum = (kind: OutputFile["kind"]) =>
    files.filter((file) => file.kind === kind).reduce((rows, file) => rows + file.rows, 0);
  const [rows, dead] = [sum("rows"), sum("errors")];
  const run = { ...FACTS.run, rowsTotal: rows + dead };
  return buildManifest({ ...FACTS, run, counts: rowCounts(rows) }, files);
}
