import { EXTENSIONS } from "#extensions";
import { fileSpec } from "../domain/features.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import { stagesOf } from "../domain/job-stages.ts";
import type { UsedLibrary } from "./library.ts";

const LIBRARIES = EXTENSIONS.flatMap(({ libraries }) => libraries ?? []);

/** Work that an optional native library can do, and the library that does it in this process. */
export interface FoundLibrary extends UsedLibrary {
  readonly serves: string;
}

/** Finds the libraries of this process. With a job, only those that its inputs use. */
export async function findLibraries(spec?: JobSpec): Promise<readonly FoundLibrary[]> {
  const inputs = spec && stagesOf(spec).flatMap(({ map }) => Object.values(map.inputs));
  const used = LIBRARIES.filter(
    ({ feature }) => inputs?.some((input) => fileSpec(input, feature) !== undefined) ?? true,
  );
  return Promise.all(used.map(async ({ serves, find }) => ({ serves, ...(await find()) })));
}
