import type { JobId } from "../../shared/domain/job-id.ts";
import { type Location, viaCoordinator } from "../../shared/domain/location.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { DataAccess } from "./data-access.ts";
import { sessionIn } from "./session-cell.ts";

type ReachedJob = Pick<JobDescription, "jobId" | "stores">;

/** Way to the job's files, which have the coordinator's names. */
export interface Way extends Pick<Storage, "stat" | "read"> {
  /** Checks whether `read` always verifies the expected version. */
  checksVersion(location: Location): Promise<boolean>;
}

/** Ways to the same files, nearest first. */
export interface Ways extends AsyncDisposable {
  readonly ways: readonly [Way, ...Way[]];
  /** Checks whether each request for a file is a round trip to another machine, on the nearest way. */
  isFar(location: Location): boolean;
}

export function openWays(accesses: readonly [DataAccess, ...DataAccess[]], job: ReachedJob): Ways {
  const storages = openStorages(accesses, job);
  const [nearest, ...others] = accesses.map(({ kind }) => wayOf(kind, storages));
  if (nearest === undefined) throw new Error("broken invariant: no way to the job's files");
  return {
    ways: [nearest, ...others],
    isFar: (location) => accesses[0].kind === "coordinator" || !isOnThisMachine(location),
    [Symbol.asyncDispose]: () => storages[Symbol.asyncDispose](),
  };
}

/**
 * Opens the storages of a job's files, including the coordinator's if an access needs it. Connections and
 * modules load on first use.
 */
export function openStorages(accesses: readonly DataAccess[], { jobId, stores }: ReachedJob): Storages {
  const connection = accesses.find((access) => access.kind === "coordinator");
  const openers = connection === undefined ? {} : { coordinator: () => connect(connection, jobId) };
  return new Storages(openers, stores);
}

/** Returns the location of a file for an access. */
export function locate(location: Location, kind: DataAccess["kind"]): Location {
  return kind === "coordinator" ? viaCoordinator(location) : location;
}

function wayOf(kind: DataAccess["kind"], storages: Storages): Way {
  const reach = async (location: Location) => {
    const at = locate(location, kind);
    return { at, storage: await storages.at(at) };
  };
  return {
    async stat(location, signal) {
      const { at, storage } = await reach(location);
      return await storage.stat(at, signal);
    },
    async read(location, start, end, options) {
      const { at, storage } = await reach(location);
      return await storage.read(at, start, end, options);
    },
    checksVersion: async (location) => (await reach(location)).storage.can.versions,
  };
}

/** Connects to the coordinator. gRPC loads only here, where it is needed. */
async function connect(
  { address, credential, session }: Extract<DataAccess, { kind: "coordinator" }>,
  jobId: JobId,
): Promise<Storage> {
  const [{ connectCoordinator }, { createCoordinatorStorage }, { patientStorage }] = await Promise.all([
    import("../../shared/wire/client.ts"),
    import("../../shared/storage/coordinator.ts"),
    import("../../shared/storage/patient.ts"),
  ]);
  const client = connectCoordinator(address, credential);
  const storage = createCoordinatorStorage({
    data: client.data,
    session: () => sessionIn(session),
    jobId,
  });
  return { ...patientStorage(storage), [Symbol.asyncDispose]: async () => client.close() };
}
