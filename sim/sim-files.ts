import { dirname, join } from "node:path";
import type { CountRows } from "../coordinator/commit/row-counter.ts";
import type { PoisonedRowsOptions } from "../coordinator/publish/poisoned-rows.ts";
import type { ReduceOptions } from "../coordinator/reduce/reduce.ts";
import { checkSources } from "../coordinator/reduce/reduce-sources.ts";
import { sha256 } from "../shared/core/digest.ts";
import type { Disk } from "../shared/core/disk.ts";
import { syncPath } from "../shared/core/durable.ts";
import { makeFolders } from "../shared/core/make-folders.ts";
import type { OutputFile } from "../shared/domain/manifest.ts";
import { rowName } from "./sim-plan.ts";

/*
 * The simulated "Parquet": one line a row. A rows file has `path:row variant`, a file of dead letters
 * `path:row code`, a combined table one line `rows variant`. The variant is another for each execution, as a
 * GPU's last bits are.
 */

export interface Line {
  readonly key: string;
  readonly rest: string;
}

export function encodeLines(lines: readonly Line[]): Buffer {
  return Buffer.from(lines.map(({ key, rest }) => `${key} ${rest}\n`).join(""), "utf8");
}

export function decodeLines(bytes: Uint8Array): Line[] {
  const text = Buffer.from(bytes).toString("utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const space = line.indexOf(" ");
      return { key: line.slice(0, space), rest: line.slice(space + 1) };
    });
}

export const simCountRows: CountRows = async (file) => {
  return decodeLines(await file.read(0, file.bytes)).length;
};

/**
 * The real one's order of work on the simulated disk: check, make anew, write, sync. The "SQL" is to put
 * lines together.
 */
export async function simReduce(options: ReduceOptions, disk: Disk): Promise<readonly OutputFile[]> {
  const { stagePath, signal, reduce } = options;
  signal.throwIfAborted();
  const folder = join(stagePath, "reduced");
  await disk.remove(folder);
  const sources = await checkSources({ ...options, disk });
  await makeFolders(folder, disk);
  const files: OutputFile[] = [];
  for (const [name, { combine }] of Object.entries(reduce)) {
    const lines: Line[] = [];
    for (const { path } of sources.get(combine === undefined ? null : name) ?? []) {
      signal.throwIfAborted();
      lines.push(...decodeLines(await disk.readFile(path)));
    }
    const written = await writeLines(join(folder, `${name}.parquet`), lines, disk);
    files.push({ path: `reduced/${name}.parquet`, kind: "reduced", ...written });
  }
  await syncPath(folder, disk);
  return files;
}

export async function simWritePoisoned(
  { path, deadLetters }: PoisonedRowsOptions,
  disk: Disk,
): Promise<{ rows: number; bytes: number; sha256: string }> {
  await makeFolders(dirname(path), disk);
  await disk.remove(path);
  const lines = deadLetters.map(({ file, row, code }) => ({ key: rowName(file, row), rest: code }));
  return await writeLines(path, lines, disk);
}

async function writeLines(path: string, lines: readonly Line[], disk: Disk) {
  const bytes = encodeLines(lines);
  const file = await disk.open(path, "w");
  await file.write(bytes);
  await file.sync();
  await file.close();
  return { rows: lines.length, bytes: bytes.length, sha256: sha256(bytes) };
}
