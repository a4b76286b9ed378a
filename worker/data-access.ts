import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { ShardmillError } from "../shared/core/errors.ts";
import type { JobDescription, Lease } from "../shared/domain/job.ts";
import type { WorkerSession } from "../shared/domain/worker.ts";
import type { DataAccess } from "./shard/shard-protocol.ts";

/** `auto`: see for itself whether the coordinator's files are visible here. */
export const ACCESS_MODES = ["auto", "shared", "coordinator"] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];

export interface AccessChoice {
  readonly input: DataAccess;
  readonly output: DataAccess;
  /** Whether the model's files can be read at the coordinator's paths. */
  readonly modelVisible: boolean;
}

/** Where a job's files are, as its coordinator sees them. */
export type JobFiles = Pick<JobDescription, "partialsPath" | "beacon"> & {
  readonly model: Pick<JobDescription["model"], "path" | "bytes" | "externalData">;
};

/**
 * Finds out what this worker sees of the coordinator's files: the input by the size of the first leased file, the
 * output by the beacon that the coordinator wrote there (a path alone proves nothing: another machine may have a
 * folder of that name). What it does not see comes and goes over gRPC.
 *
 * @throws {STORE_REFUSED} when `shared` was asked for and something is not visible
 */
export async function chooseAccess(
  mode: AccessMode,
  job: JobFiles,
  lease: Pick<Lease, "file">,
  coordinator: { readonly address: string; readonly session: WorkerSession },
): Promise<AccessChoice> {
  const remote: DataAccess = { kind: "coordinator", ...coordinator };
  if (mode === "coordinator") return { input: remote, output: remote, modelVisible: false };
  const [input, output, modelVisible] = await Promise.all([
    seesFile(lease.file.path, lease.file.bytes),
    seesBeacon(job),
    seesAll([job.model, ...job.model.externalData]),
  ]);
  if (mode === "shared" && !(input && output && modelVisible)) {
    throw new ShardmillError("STORE_REFUSED", "this worker does not see the job's files", {
      fields: { input, output, model: modelVisible, path: lease.file.path },
      hint: "mount the same storage at the same path here, or start the worker with --data auto",
    });
  }
  const local: DataAccess = { kind: "shared" };
  return { input: input ? local : remote, output: output ? local : remote, modelVisible };
}

async function seesFile(path: string, bytes: number): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return (await stat(path)).size === bytes;
  } catch {
    return false;
  }
}

async function seesAll(
  files: readonly { readonly path: string; readonly bytes: number }[],
): Promise<boolean> {
  const seen = await Promise.all(files.map(({ path, bytes }) => seesFile(path, bytes)));
  return seen.every(Boolean);
}

async function seesBeacon(job: JobFiles): Promise<boolean> {
  try {
    await access(job.partialsPath, constants.W_OK);
    return (await readFile(job.beacon.path, "utf8")) === job.beacon.content;
  } catch {
    return false;
  }
}
