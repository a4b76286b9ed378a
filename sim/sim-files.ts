import { checkFileDigest } from "../coordinator/commit/check-file.ts";
import type { CountRows } from "../coordinator/commit/row-counter.ts";
import { reducedPath } from "../coordinator/publish/layout.ts";
import type { writePoisonedRows } from "../coordinator/publish/poisoned-rows.ts";
import type { Part } from "../coordinator/publish/publish-way.ts";
import type { ReduceOptions } from "../coordinator/reduce/reduce-options.ts";
import { checkSources } from "../coordinator/reduce/reduce-sources.ts";
import { NEVER } from "../shared/core/abort.ts";
import { mapConcurrent } from "../shared/core/map-concurrent.ts";
import { below, type Location, parseLocation } from "../shared/domain/location.ts";
import { OUTPUT_FOLDERS } from "../shared/domain/manifest.ts";
import { reducedFile } from "../shared/domain/partial-layout.ts";
import { isOnThisMachine } from "../shared/storage/local-paths.ts";
import { sourceOfBytes } from "../shared/storage/put-source.ts";
import { rowName } from "./sim-plan.ts";

/*
 * The simulated "Parquet" has one line per row. A rows file has `path:row variant`, a dead-letters file
 * `path:row code`, and a combined table one line `rows variant`. The variant differs between executions, as a
 * GPU's last bits do.
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
  return decodeLines(await file.read(0, file.bytes, NEVER)).length;
};

/** Does the steps of the real reduction on the simulated storage. Its "SQL" concatenates lines. */
export async function simReduce(options: ReduceOptions): Promise<readonly Part[]> {
  const { paths, storage, signal, reduce } = options;
  signal.throwIfAborted();
  const folder = below(paths.stage, OUTPUT_FOLDERS.reduced);
  await storage.remove(folder, signal);
  const sources = isOnThisMachine(paths.partials) ? await checkSources(options) : null;
  const parts: Part[] = [];
  for (const [name, { combine }] of Object.entries(reduce)) {
    const lines: Line[] = [];
    const table = combine === undefined ? null : name;
    // The real reduction makes copies on a real disk.
    const located =
      sources === null
        ? await checkedInBucket(table, options)
        : (sources.get(table) ?? []).map(({ path, bytes }) => ({ location: parseLocation(path), bytes }));
    for (const { location, bytes } of located)
      lines.push(...decodeLines(await storage.read(location, 0, bytes, { signal })));
    const published = reducedPath(name);
    const from = below(paths.stage, published);
    const stored = await storage.put(from, sourceOfBytes(encodeLines(lines)), { signal });
    parts.push({ from, output: { path: published, kind: "reduced", rows: lines.length, ...stored } });
  }
  return parts;
}

async function checkedInBucket(
  table: string | null,
  { paths, partials, storage, signal }: ReduceOptions,
): Promise<readonly { readonly location: Location; readonly bytes: number }[]> {
  return await mapConcurrent(partials, 16, async (partial) => {
    const file = reducedFile(partial, table);
    return {
      location: await checkFileDigest(paths.partials, partial, file, { storage, signal }),
      bytes: file.bytes,
    };
  });
}

export const simWritePoisoned: typeof writePoisonedRows = async ({ to, deadLetters, place }) => {
  const lines = deadLetters.map(({ file, row, code }) => ({ key: rowName(file, row), rest: code }));
  return {
    rows: lines.length,
    ...(await place.storage.put(to, sourceOfBytes(encodeLines(lines)), { signal: NEVER })),
  };
};
