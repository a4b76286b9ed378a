import type { Role } from "../../shared/access/roles.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { cacheFolder, stateFolder } from "../../shared/core/user-folder.ts";
import { withoutSecrets } from "../../shared/core/without-secrets.ts";
import { isAllowed } from "../../shared/domain/allowed-locations.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import type { Submitter } from "../../shared/wire/services.ts";
import { programsOf } from "../plan/steps/step-files.ts";
import { type NamedPlace, namedPlaces } from "./named-places.ts";

/** Rights of submitted jobs on this coordinator, by the submitter's role. */
export interface SubmitRights {
  /** Roles whose jobs may bring code, which runs here while planning and reducing. */
  readonly modules: readonly Role[];
  /** Places that their jobs may open, as in `isAllowed`. A role without an entry: all places. */
  readonly locations: Readonly<Partial<Record<Role, readonly string[]>>>;
}

/** Default rights: no code, all places. */
const USUAL_RIGHTS: SubmitRights = { modules: [], locations: {} };

/** Checks of submitted jobs. */
export interface Admission {
  /** Checks a job like {@link admitJob}. */
  admit(spec: JobSpec, by: Submitter): Promise<readonly string[] | undefined>;
  /** Returns the places that a job from before a restart may open. */
  placesOf(by: Submitter): readonly string[] | undefined;
}

/** @param rights default: no code, all places */
export function admissionBy(rights: SubmitRights = USUAL_RIGHTS): Admission {
  return {
    admit: (spec, by) => admitJob(spec, by, rights),
    placesOf: ({ role }) => rights.locations[role],
  };
}

/**
 * Checks whether a submitter may submit a job. Checks the job file, and follows links on the way to its
 * places. Opens none of the job's files.
 *
 * @returns places that the job may open from here on. Undefined: all
 * @throws {MODULES_REFUSED} {LOCATION_REFUSED} with everything that the role does not allow
 */
async function admitJob(
  spec: JobSpec,
  by: Submitter,
  { modules, locations }: SubmitRights,
): Promise<readonly string[] | undefined> {
  if (!modules.includes(by.role)) refuseCode(spec, by);
  const allowed = locations[by.role];
  if (allowed === undefined) return undefined;
  const problems: Problem[] = [];
  for (const place of namedPlaces(spec)) {
    const problem = await problemOf(place, by, allowed);
    if (problem !== null) problems.push(problem);
  }
  if (problems.length === 0) return [...allowed, ...OWN_FOLDERS.map((folder) => folder())];
  const message = `the job names locations that are not allowed for ${nameOf(by)}`;
  throw new ShardmillError("LOCATION_REFUSED", message, {
    fields: { who: by.name, role: by.role, allowed: shown(allowed) },
    problems,
    hint: "ask the operator to start the coordinator with --allow-locations ROLE=LOCATION",
  });
}

/**
 * Folders in which the coordinator itself puts fetched and made files of a job. Jobs must be able to open
 * those. A job file that names a place in them is refused.
 */
const OWN_FOLDERS = [
  () => cacheFolder("fetched"),
  () => cacheFolder("models"),
  () => cacheFolder("modules"),
  () => cacheFolder("sets"),
  () => stateFolder("jobs"),
] as const;

async function problemOf(
  { where, location }: NamedPlace,
  by: Submitter,
  allowed: readonly string[],
): Promise<Problem | null> {
  const problem = (what: string): Problem => ({
    where,
    what: `${what} for ${by.role}`,
    expected: shown(allowed),
    found: withoutSecrets(location),
  });
  if (!isAllowed(location, allowed)) return problem("is not an allowed location");
  if (!isOnThisMachine(location)) return null;
  await using storages = new Storages({}, { ...NO_STORES, allowed });
  try {
    await (await storages.at(location)).kindAt(location, NEVER);
    return null;
  } catch (error) {
    // Planning reports all other faults of the place.
    return isShardmillError(error, "LOCATION_REFUSED")
      ? problem("leads through a link to a location that is not allowed")
      : null;
  }
}

/** Refuses a job's code before it is read. */
function refuseCode(spec: JobSpec, by: Submitter): void {
  const code = programsOf(spec);
  if (code.length === 0) return;
  const message = `this coordinator accepts no jobs with their own code from ${nameOf(by)}`;
  throw new ShardmillError("MODULES_REFUSED", message, {
    fields: { who: by.name, role: by.role },
    problems: code.map(({ where, path }) => ({
      where,
      what: "is the job's own code",
      expected: "SQL, or a built-in feature of Shardmill",
      found: withoutSecrets(path),
      hint: "ask the operator to start the coordinator with --allow-modules ROLE, if the role is trusted",
    })),
  });
}

function nameOf({ name, role }: Submitter): string {
  return `${name}, of role ${role}`;
}

function shown(allowed: readonly string[]): string {
  return allowed.length === 0 ? "none" : allowed.map(withoutSecrets).join(" ");
}
