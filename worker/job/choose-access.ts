import { present } from "../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { JobDescription, Lease } from "../../shared/domain/job.ts";
import type { FileStat, Location } from "../../shared/domain/location.ts";
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
 * size. What it does not see comes and goes over gRPC. For the input only the order is set: that the first
 * leased file is another one here says nothing of the others; but a store that cannot be reached is asked
 * last, for each file that is asked of it would wait for minutes.
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
  const looker = { storages, signal: AbortSignal.timeout(LOOK_MS) };
  const [sight, output, model] = await Promise.all([
    sightOf(file, looker),
    seesBeacon(job, looker),
    seesAll([job.model, ...job.model.externalData], looker),
  ]);
  const input = sight === "seen";
  const local: DataAccess = { kind: "shared" };
  if (mode === "auto") {
    return {
      input: sight === "unreachable" ? [remote, local] : [local, remote],
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

/** A store that is far away answers in a second; one that throttles, in some more. */
const LOOK_MS = 15_000;

interface SeenFile {
  readonly path: Location;
  readonly bytes: number;
  /** Left out: any. */
  readonly version?: FileStat["version"];
}

interface Looker {
  readonly storages: Storages;
  readonly signal: AbortSignal;
}

/** `unreachable`: a store does not answer, or only that it cannot. */
async function sightOf(
  { path, bytes, version }: SeenFile,
  { storages, signal }: Looker,
): Promise<"seen" | "unseen" | "unreachable"> {
  try {
    const storage = await storages.at(path);
    const isLookedAt = version !== undefined && storage.can.versions && bytes > 0;
    if (!isLookedAt && (await storage.stat(path, signal)).bytes !== bytes) return "unseen";
    // What is listed may still not be ours to read.
    await storage.read(path, 0, Math.min(1, bytes), signal, version);
    return "seen";
  } catch (error) {
    const isDown = signal.aborted || isShardmillError(error, "STORE_FAILED");
    return isDown && !isOnThisMachine(path) ? "unreachable" : "unseen";
  }
}

async function seesAll(files: readonly SeenFile[], looker: Looker): Promise<boolean> {
  const sights = await Promise.all(files.map((file) => sightOf(file, looker)));
  return sights.every((sight) => sight === "seen");
}

async function seesBeacon(
  { partialsPath, beacon }: JobFiles,
  { storages, signal }: Looker,
): Promise<boolean> {
  try {
    const storage = await storages.at(beacon.path);
    const { bytes } = await storage.stat(beacon.path, signal);
    if (bytes !== Buffer.byteLength(beacon.content)) return false;
    const content = Buffer.from(await storage.read(beacon.path, 0, bytes, signal)).toString("utf8");
    if (content !== beacon.content) return false;
    if (isOnThisMachine(partialsPath)) await checkWritable(partialsPath);
    // Who may not write there is refused; who may, finds it put.
    else await storage.put(beacon.path, sourceOfBytes(beacon.content), { ifAbsent: true, signal });
    return true;
  } catch {
    return false;
  }
}
