import * as z from "zod";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { Random } from "../../shared/core/random.ts";
import type { Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { readTextIfThere } from "../../shared/storage/whole-file.ts";

/** As a name in the bucket. */
const RUN_NAME = /^run-[0-9a-f]{16}$/;

export function isRunName(name: string): boolean {
  return RUN_NAME.test(name);
}

export function newRunName(random: Random): string {
  return `run-${random.hex(8)}`;
}

const runFile = z.object({ run: z.string().refine(isRunName) });

/**
 * The run whose journal is the job's, where that is in the bucket; null when there is none.
 *
 * @throws {OUTPUT_FAILED} when the file says something else
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
    throw new ShardmillError("OUTPUT_FAILED", `${location} does not say which run it is`, {
      fields: { path: location, found: text.slice(0, 100) },
      cause,
      hint: "run with --fresh to start over",
    });
  }
}

/** Says it, unless another has said so before. @throws {STORE_EXISTS} then */
export async function putRunFile(
  location: Location,
  run: string,
  storage: Pick<Storage, "put">,
): Promise<void> {
  const value: z.input<typeof runFile> = { run };
  await storage.put(location, sourceOfBytes(`${JSON.stringify(value)}\n`), { ifAbsent: true, signal: NEVER });
}

/** Error of a coordinator whose run is the job's no more. */
export function replaced(path: Location, expected: string | null, found: string | null): ShardmillError {
  const what = found === null ? "has removed this run's work files" : "has started the job over";
  return new ShardmillError("OUTPUT_LOCKED", `another coordinator ${what}: this one does not go on`, {
    fields: { path, expected, found },
    hint: "the job goes on in the other one; if there is none, run it again",
  });
}
