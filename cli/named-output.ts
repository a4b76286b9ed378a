import { resolve } from "node:path";
import type { JobStores } from "../shared/domain/job-stores.ts";
import type { Location } from "../shared/domain/location.ts";
import type { OutputManifest } from "../shared/domain/manifest.ts";
import type { NamedOutputArguments } from "../shared/terminal/output-options.ts";

/** A published output that a command is about. */
interface NamedOutput {
  readonly output: Location;
  readonly stores: JobStores;
  readonly manifest: OutputManifest;
}

/**
 * @throws {ARGUMENT_INVALID} for what is neither a path nor an address that is read
 * @throws {SPEC_INVALID} for a job file that cannot be used
 */
export async function openNamedOutput(args: NamedOutputArguments): Promise<NamedOutput> {
  const output = await outputAt(args.output);
  const stores = await storesOf(args.job);
  return { output, stores, manifest: await manifestOf(output, stores) };
}

async function outputAt(text: string): Promise<Location> {
  const { ShardmillError } = await import("../shared/core/errors.ts");
  const { isAddress, notAnInput, parseLocation } = await import("../shared/domain/location.ts");
  const problem = notAnInput(text);
  if (problem === null) return parseLocation(isAddress(text) ? text : resolve(text));
  throw new ShardmillError("ARGUMENT_INVALID", `${text} is no output`, {
    problems: [
      { ...problem, where: "output", expected: "a folder on this machine, or an address in a bucket" },
    ],
  });
}

async function storesOf(job: string | undefined): Promise<JobStores> {
  const { NO_STORES } = await import("../shared/domain/job-stores.ts");
  if (job === undefined) return NO_STORES;
  const { readJobFile } = await import("../shared/job-file/read-job-file.ts");
  const { readStores } = await import("../coordinator/plan/read-stores.ts");
  return await readStores(await readJobFile(job, { set: [], env: process.env }));
}

/** Looked for at once: who names another folder should hear of it first. */
async function manifestOf(output: Location, stores: JobStores): Promise<OutputManifest> {
  const { Manifests } = await import("../coordinator/flight/manifests.ts");
  const { JobStorages } = await import("../shared/storage/job-storages.ts");
  await using storages = new JobStorages();
  return await new Manifests(storages).of({ output, stores });
}
