import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { FileStat, Location } from "../../shared/domain/location.ts";
import { isStoreUnavailable, reasonOf } from "../../shared/storage/errors.ts";
import { checkWritable } from "../../shared/storage/local-file.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { DataAccess } from "../read/data-access.ts";

/** `auto`: check whether the coordinator's files are visible here. */
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
 * Checks which of the job's files this worker sees: the output by the beacon that the coordinator wrote there
 * (a path alone proves nothing: another machine may have a folder of that name), the model by its size. Other
 * files travel over gRPC. For the input only the order is decided: one file that differs here says nothing of
 * the others. A store that is unreachable is asked last, for each file asked of it would wait for minutes.
 *
 * @throws {WORKER_UNFIT} when `shared` was asked for and something is not visible
 */
export async function chooseAccess(
  mode: AccessMode,
  job: JobFiles,
  lease: Pick<Lease, "slices">,
  coordinator: Omit<Extract<DataAccess, { kind: "coordinator" }>, "kind">,
): Promise<AccessChoice> {
  const remote: DataAccess = { kind: "coordinator", ...coordinator };
  const local: DataAccess = { kind: "shared" };
  if (mode === "coordinator") return { input: [remote], output: remote, model: ["coordinator"] };
  const { file } = present(lease.slices[0], "a lease has a file");
  await using storages = new Storages({}, job.stores);
  // Without another way to the files there is nothing to be quick for.
  const looker = { storages, signal: mode === "shared" ? NEVER : AbortSignal.timeout(LOOK_MS) };
  const models = [job.model, ...job.model.externalData];
  const [input, output, ...model] = await Promise.all([
    sightOf(file, looker),
    sightOfBeacon(job, looker),
    ...models.map((part) => sightOf(part, looker)),
  ]);
  if (mode === "shared") {
    refuseUnseen([input, output, ...model]);
    return { input: [local], output: local, model: ["shared"] };
  }
  return {
    input: isUnreachable(input, looker.signal) ? [remote, local] : [local, remote],
    output: output.kind === "seen" ? local : remote,
    model: model.every(({ kind }) => kind === "seen") ? ["shared", "coordinator"] : ["coordinator"],
  };
}

/** A store that is far away answers in a second; one that throttles, in some more. */
const LOOK_MS = 15_000;

interface SeenFile {
  readonly path: Location;
  readonly bytes: number;
  /** Optional: any version. */
  readonly version?: FileStat["version"];
}

interface Looker {
  readonly storages: Storages;
  readonly signal: AbortSignal;
}

/** `changed`: another file than the planned one, whose reader says how it differs. */
type Sight =
  | { readonly kind: "seen" | "changed" }
  | { readonly kind: "unseen"; readonly path: Location; readonly error: unknown };

async function sightOf({ path, bytes, version }: SeenFile, { storages, signal }: Looker): Promise<Sight> {
  try {
    const storage = await storages.at(path);
    const isLookedAt = version !== undefined && storage.can.versions && bytes > 0;
    if (!isLookedAt && (await storage.stat(path, signal)).bytes !== bytes) return { kind: "changed" };
    // A file that is listed may still be unreadable.
    await storage.read(path, 0, Math.min(1, bytes), { version, signal });
    return { kind: "seen" };
  } catch (error) {
    return isShardmillError(error, "STORE_CHANGED") ? { kind: "changed" } : { kind: "unseen", path, error };
  }
}

async function sightOfBeacon(
  { partialsPath, beacon }: JobFiles,
  { storages, signal }: Looker,
): Promise<Sight> {
  const { path, content } = beacon;
  try {
    const storage = await storages.at(path);
    const { bytes } = await storage.stat(path, signal);
    const found =
      bytes === Buffer.byteLength(content) ? await storage.read(path, 0, bytes, { signal }) : null;
    if (found === null || Buffer.from(found).toString("utf8") !== content)
      return { kind: "unseen", path, error: new Error("another coordinator's file is there") };
    if (isOnThisMachine(partialsPath)) await checkWritable(partialsPath);
    // Refused without the right to write, and without effect otherwise: the beacon exists.
    else await storage.put(path, sourceOfBytes(content), { ifAbsent: true, signal });
    return { kind: "seen" };
  } catch (error) {
    return { kind: "unseen", path, error };
  }
}

function isUnreachable(sight: Sight, signal: AbortSignal): boolean {
  if (sight.kind !== "unseen" || isOnThisMachine(sight.path)) return false;
  return signal.aborted || isShardmillError(sight.error, "STORE_FAILED");
}

/** @throws {WORKER_UNFIT} for what is not visible here; a store's own error while it cannot be asked */
function refuseUnseen(sights: readonly Sight[]): void {
  const unseen = sights.find((sight) => sight.kind === "unseen");
  if (unseen === undefined) return;
  const { path, error } = unseen;
  if (isShardmillError(error) && (error.code === "STORE_FAILED" || isStoreUnavailable(error))) throw error;
  throw new ShardmillError(
    "WORKER_UNFIT",
    `\`--data shared\`, but ${path} is not visible here: ${reasonOf(error)}`,
    {
      fields: { path },
      cause: error,
      hint: "mount the same storage at the same path here, or start the worker with --data auto",
    },
  );
}
