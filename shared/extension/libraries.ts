import { EXTENSIONS } from "#extensions";
import { fileSpec, stepValue } from "../domain/features.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import { stagesOf } from "../domain/job-stages.ts";
import type { UsedLibrary } from "./library.ts";

const LIBRARIES = EXTENSIONS.flatMap(({ libraries }) => libraries ?? []);

/** Work that an optional native library can do, and the library that does it in this process. */
export interface FoundLibrary extends UsedLibrary {
  readonly serves: string;
}

/** Finds the libraries of this process. With a job, only those that its inputs and steps use. */
export async function findLibraries(spec?: JobSpec): Promise<readonly FoundLibrary[]> {
  const used = LIBRARIES.filter(({ feature }) => spec === undefined || isUsed(spec, feature));
  return Promise.all(used.map(async ({ serves, find }) => ({ serves, ...(await find()) })));
}

/** Checks whether a job has inputs of a feature, or the steps under the same key. */
function isUsed(spec: JobSpec, feature: string): boolean {
  return stagesOf(spec).some(
    ({ map: { inputs, prepare, finish } }) =>
      Object.values(inputs).some((input) => fileSpec(input, feature) !== undefined) ||
      [...prepare, ...finish].some((step) => stepValue(step)?.part.key === feature),
  );
}
