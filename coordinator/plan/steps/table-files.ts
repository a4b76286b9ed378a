import type { Problem } from "../../../shared/core/errors.ts";
import { formatBytes } from "../../../shared/core/units.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { StepFile } from "../../../shared/domain/step-binding.ts";
import { isPlaceError } from "../../../shared/storage/errors.ts";
import { copyHere, type FileOptions, unreadable } from "./file-here.ts";

/** Limit of the bytes of all tables. Each worker fetches them, and each thread of a step holds its own. */
const MOST_BYTES = 256 * 2 ** 20;

interface TableFiles {
  /** Copies of the files, by the location in the job file. */
  readonly files: ReadonlyMap<string, StepFile>;
  readonly problems: readonly Problem[];
}

/**
 * Copies the files of a job's tables to this machine. Later changes of the files do not change the running
 * job. Copies none if they are too large together.
 */
export async function readTableFiles(
  tables: NonNullable<JobSpec["tables"]>,
  options: FileOptions,
): Promise<TableFiles> {
  const { storages, signal } = options;
  const files = new Map<string, StepFile>();
  const problems: Problem[] = [];
  const trying = async (name: string, path: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isPlaceError(error)) throw error;
      problems.push(unreadable(`tables.${name}`, path, error));
    }
  };
  const sizes = new Map<string, number>();
  for (const [name, path] of Object.entries(tables)) {
    await trying(name, path, async () => {
      const location = parseLocation(path);
      sizes.set(name, (await (await storages.at(location)).stat(location, signal)).bytes);
    });
  }
  const large = tooLarge(sizes);
  if (large !== null) problems.push(large);
  if (problems.length > 0) return { files, problems };
  for (const [name, path] of Object.entries(tables)) {
    await trying(name, path, async () => {
      files.set(path, await copyHere(parseLocation(path), options));
    });
  }
  return { files, problems };
}

function tooLarge(sizes: ReadonlyMap<string, number>): Problem | null {
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  if (bytes <= MOST_BYTES) return null;
  const largest = [...sizes].sort(([, a], [, b]) => b - a).slice(0, 3);
  const shown = largest.map(([name, size]) => `${name} ${formatBytes(size)}`);
  return {
    where: "tables",
    what: "the tables are too large",
    expected: `at most ${formatBytes(MOST_BYTES)} together`,
    found: `${formatBytes(bytes)}: ${shown.join(", ")}`,
    hint: "keep only the columns and rows that the SQL needs in these files, or make a large table the input",
  };
}
