import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { JobDescription, Lease } from "../../shared/domain/job.ts";
import type { Location } from "../../shared/domain/location.ts";
import { checkWritable } from "../../shared/storage/local-file.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { DataAccess } from "../read/data-access.ts";

/** `auto`: see for itself whether the coordinator's files are visible here. */
export const ACCESS_MODES = ["auto", "shared", "coordinator"] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];

/**
 * For what is read: the ways to it, the nearest first. The next is taken where one does not lead to what was
 * planned.
 */
export interface AccessChoice {
  /** Chosen for each file: see `InputFiles`. */
  readonly input: readonly [DataAccess, ...DataAccess[]];
  readonly output: DataAccess;
  readonly model: readonly DataAccess["kind"][];
}

/** Where a job's files are, as its coordinator sees them. */
export type JobFiles = Pick<JobDescription, "stores" | "partialsPath" | "beacon"> & {
  readonly model: Pick<JobDescription["model"], "path" | "bytes" | "externalData">;
};

/**
 * Finds out what this worker sees of the coordinator's files: the output by the beacon that the coordinator
 * wrote there (a path alone proves nothing: another machine may have a folder of that name), the model by its
 * size. What it does not see comes and goes over gRPC. For the input only the order is set: the first leased
 * file says nothing of the others.
 *
 * @throws {STORE_REFUSED} when `shared` was asked for and something is not visible
 */
export async function chooseAccess(
  mode: AccessMode,
  job: JobFiles,
  lease: Pick<Lease, "slices">,
  coordinator: Omit<Extract<DataAccess, { kind: "coordinator" }>, "kind">,
): Promise<AccessChoice> {
  const remote: DataAccess = { kind: "coordinator", ...coordinator };
  if (mode === "coordinator") return { input: [remote], output: remote, model: ["coordinator"] };
  const { file } = present(lease.slices[0], "a lease has a file");
  await using storages = new Storages({}, job.stores);
  const [input, output, model] = await Promise.all([
    seesFile(file, storages),
    seesBeacon(job, storages),
    seesAll([job.model, ...job.model.externalData], storages),
  ]);
  const local: DataAccess = { kind: "shared" };
  if (mode === "auto") {
    return {
      input: [local, remote],
      output: output ? local : remote,
      model: model ? ["shared", "coordinator"] : ["coordinator"],
    };
  }
  if (!(input && output && model)) {
    throw new ShardmillError("STORE_REFUSED", "this worker does not see the job's files", {
      fields: { input, output, model, path: file.path },
      hint: "mount the same storage at the same path here, or start the worker with --data auto",
    });
  }
  return { input: [local], output: local, model: ["shared"] };
}

interface SeenFile {
  readonly path: Location;
  readonly bytes: number;
}

async function seesFile({ path, bytes }: SeenFile, storages: Storages): Promise<boolean> {
  try {
    const storage = await storages.at(path);
    if ((await storage.stat(path)).bytes !== bytes) return false;
    // What is listed may still not be ours to read.
    await storage.read(path, 0, Math.min(1, bytes));
    return true;
  } catch {
    return false;
  }
}

async function seesAll(files: readonly SeenFile[], storages: Storages): Promise<boolean> {
  const seen = await Promise.all(files.map((file) => seesFile(file, storages)));
  return seen.every(Boolean);
}

async function seesBeacon({ partialsPath, beacon }: JobFiles, storages: Storages): Promise<boolean> {
  try {
    const storage = await storages.at(beacon.path);
    const { bytes } = await storage.stat(beacon.path);
    if (bytes !== Buffer.byteLength(beacon.content)) return false;
    const content = Buffer.from(await storage.read(beacon.path, 0, bytes)).toString("utf8");
    if (content !== beacon.content) return false;
    if (isOnThisMachine(partialsPath)) await checkWritable(partialsPath);
    // Who may not write there is refused; who may, finds it put.
    else await storage.put(beacon.path, sourceOfBytes(beacon.content), { ifAbsent: true });
    return true;
  } catch {
    return false;
  }
}
