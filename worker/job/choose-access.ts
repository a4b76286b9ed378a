import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Lease, ModelFile } from "../../shared/domain/job.ts";
import type { FileStat, Location } from "../../shared/domain/location.ts";
import { stepFiles } from "../../shared/domain/reduction-binding.ts";
import { isStoreUnavailable, reasonOf } from "../../shared/storage/errors.ts";
import { checkWritable } from "../../shared/storage/local-file.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { DataAccess } from "../read/data-access.ts";

/** Ways to reach a job's files. `auto`: checks whether the coordinator's files are visible here. */
export const ACCESS_MODES = ["auto", "shared", "coordinator"] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];

/**
 * Ways to a job's files, nearest first. A reader takes the next one if a way does not lead to the planned
 * file.
 */
export interface AccessChoice {
  /** Ways to the input, chosen for each file: see `InputFiles`. */
  readonly input: readonly [DataAccess, ...DataAccess[]];
  readonly output: DataAccess;
  readonly model: readonly DataAccess["kind"][];
}

/** Locations of a job's files, as its coordinator names them. */
export type JobFiles = Pick<
  JobDescription,
  "stores" | "partialsPath" | "beacon" | "reductions" | "tables"
> & {
  readonly map: Pick<JobDescription["map"], "prepare" | "finish">;
  readonly model: SeenModel | null;
  /** Stages before the last one. Default: none. */
  readonly stages?: readonly { readonly model: SeenModel }[] | undefined;
};

/**
 * Checks which files of the job are visible to this worker. The output is checked by the coordinator's beacon
 * file, because another machine may have the same path. The model is checked by its size, or the files of
 * steps if there is no model. Other files are read over gRPC.
 *
 * For the input, only the order of ways is chosen, because one file's visibility does not imply another's. An
 * unreachable store is last, because each of its files would wait for minutes.
 *
 * @throws {WORKER_UNFIT} when `shared` was requested and a file is not visible
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
  // Without another way to the files, a time limit has no use.
  const looker = { storages, signal: mode === "shared" ? NEVER : AbortSignal.timeout(LOOK_MS) };
  const { model: own, stages = [] } = job;
  const models =
    own === null
      ? codeOf(job)
      : [own, ...stages.map(({ model }) => model)].flatMap((model) => [model, ...model.externalData]);
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

/**
 * Time limit of the checks. A distant store responds within a second, and a throttling one within some
 * seconds.
 */
const LOOK_MS = 15_000;

/** Returns the files of a job's steps, reductions and tables. */
function codeOf(job: JobFiles): readonly SeenFile[] {
  return stepFiles(job).map(({ location: path, bytes }) => ({ path, bytes }));
}

type SeenModel = Pick<ModelFile, "path" | "bytes" | "externalData">;

interface SeenFile {
  readonly path: Location;
  readonly bytes: number;
  /** Default: any version. */
  readonly version?: FileStat["version"];
}

interface Looker {
  readonly storages: Storages;
  readonly signal: AbortSignal;
}

/** Visibility of a file. `changed`: it differs from the planned file, which its reader reports later. */
type Sight =
  | { readonly kind: "seen" | "changed" }
  | { readonly kind: "unseen"; readonly path: Location; readonly error: unknown };

async function sightOf({ path, bytes, version }: SeenFile, { storages, signal }: Looker): Promise<Sight> {
  try {
    const storage = await storages.at(path);
    const isLookedAt = version !== undefined && storage.can.versions && bytes > 0;
    if (!isLookedAt && (await storage.stat(path, signal)).bytes !== bytes) return { kind: "changed" };
    // A listed file may still be unreadable.
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
    // Fails without write permission. Otherwise it has no effect, because the beacon exists.
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

/**
 * @throws {WORKER_UNFIT} when a file is not visible here
 * @throws a store's own error, when the store is unavailable
 */
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
