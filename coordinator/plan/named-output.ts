import { resolve } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import type { ErrorCode } from "../../shared/core/error-codes.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { NamedOutputArguments } from "../../shared/terminal/output-options.ts";

/** Published output that a command names. */
interface NamedOutput {
  readonly output: Location;
  readonly stores: JobStores;
  readonly manifest: OutputManifest;
}

/** Error of a command whose output is not published. */
interface Refusal {
  readonly code: ErrorCode;
  readonly hint: string;
}

/**
 * Opens the output that a command names.
 *
 * @throws the refusal, when the folder has no published output
 * @throws {ARGUMENT_INVALID} when the text is neither a path nor a readable address
 * @throws {SPEC_INVALID} when the job file cannot be used
 */
export async function openNamedOutput(args: NamedOutputArguments, refusal: Refusal): Promise<NamedOutput> {
  const output = await outputAt(args.output);
  const stores = await storesOf(args.job);
  return { output, stores, manifest: await manifestOf(output, stores, refusal) };
}

async function outputAt(text: string): Promise<Location> {
  const { ShardmillError } = await import("../../shared/core/errors.ts");
  const { isAddress, notAnInput, parseLocation } = await import("../../shared/domain/location.ts");
  const problem = notAnInput(text);
  if (problem === null) return parseLocation(isAddress(text) ? text : resolve(text));
  throw new ShardmillError("ARGUMENT_INVALID", `${text} is not an output`, {
    problems: [
      { ...problem, where: "output", expected: "a folder on this machine, or an address in a bucket" },
    ],
  });
}

async function storesOf(job: string | undefined): Promise<JobStores> {
  const { NO_STORES } = await import("../../shared/domain/job-stores.ts");
  if (job === undefined) return NO_STORES;
  const { readJobFile } = await import("../../shared/job-file/read-job-file.ts");
  const { readStores } = await import("./read-stores.ts");
  return await readStores(await readJobFile(job, { set: [], env: process.env }));
}

/** Reads the manifest first, so that a wrong folder is reported at once. */
async function manifestOf(
  output: Location,
  stores: JobStores,
  { code, hint }: Refusal,
): Promise<OutputManifest> {
  const { isShardmillError, ShardmillError } = await import("../../shared/core/errors.ts");
  const { below } = await import("../../shared/domain/location.ts");
  const { MANIFEST_NAME } = await import("../../shared/domain/manifest.ts");
  const { JobStorages } = await import("../../shared/storage/job-storages.ts");
  const { readManifest } = await import("../publish/read-manifest.ts");
  const location = below(output, MANIFEST_NAME);
  await using storages = new JobStorages();
  const storage = await storages.of({ stores }).at(location);
  await storage.stat(location, NEVER).catch((cause: unknown) => {
    if (!isShardmillError(cause, "STORE_NOT_FOUND")) throw cause;
    const what = `nothing is published in ${output}: it has no ${MANIFEST_NAME}`;
    throw new ShardmillError(code, what, { fields: { path: output }, hint, cause });
  });
  return await readManifest(location, storage, NEVER);
}
