import * as z from "zod";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { Random } from "../../shared/core/random.ts";
import type { Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { readTextIfThere } from "../../shared/storage/whole-file.ts";

/** Names of runs, as used in bucket paths. */
const RUN_NAME = /^run-[0-9a-f]{16}$/;

export function isRunName(name: string): boolean {
  return RUN_NAME.test(name);
}

export function newRunName(random: Random): string {
  return `run-${random.hex(8)}`;
}

const runFile = z.object({ run: z.string().refine(isRunName) });

/**
 * Reads which run's journal is the job's, from a file in the bucket. Null: there is no such file.
 *
 * @throws {OUTPUT_FAILED} when the file has other content
 */
export async function readRunFile(
  location: Location,
  storage: Pick<Storage, "stat" | "read">,
  signal: AbortSignal,
): Promise<string | null> {
  const text = await readTextIfThere(storage, location, signal);
  if (text === null) return null;
  try {
    return runFile.parse(JSON.parse(text)).run;
  } catch (cause) {
    throw new ShardmillError("OUTPUT_FAILED", `${location} does not name its run`, {
      fields: { path: location, found: text.slice(0, 100) },
      cause,
      hint: "run with --fresh to start over",
    });
  }
}

/**
 * Writes the file, unless another coordinator has.
 *
 * @throws {STORE_EXISTS} when another coordinator has written it
 */
export async function putRunFile(
  location: Location,
  run: string,
  storage: Pick<Storage, "put">,
): Promise<void> {
  const value: z.input<typeof runFile> = { run };
  await storage.put(location, sourceOfBytes(`${JSON.stringify(value)}\n`), { ifAbsent: true, signal: NEVER });
}

/** Returns the error for a coordinator whose run no longer is the job's. */
export function replaced(path: Location, expected: string | null, found: string | null): ShardmillError {
  const what = found === null ? "has removed this run's work files" : "has started the job over";
  return new ShardmillError("OUTPUT_LOCKED", `another coordinator ${what}: this one stops`, {
    fields: { path, expected, found },
    hint: "let the other coordinator finish the job, or if there is none, run it again",
  });
}
