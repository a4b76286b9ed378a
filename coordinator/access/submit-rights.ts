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

/** What the jobs of those who hand them in may have done by this coordinator, by their role. */
export interface SubmitRights {
  /** Roles whose jobs may bring code along, which runs here to be planned and to reduce. */
  readonly modules: readonly Role[];
  /** What their jobs may have opened, as `isAllowed` takes it. Of a role that is left out: everything. */
  readonly locations: Readonly<Partial<Record<Role, readonly string[]>>>;
}

/** Code of nobody's; all places. */
const USUAL_RIGHTS: SubmitRights = { modules: [], locations: {} };

/** Judges the jobs of those who hand them in. */
export interface Admission {
  /** As {@link admitJob}. */
  admit(spec: JobSpec, by: Submitter): Promise<readonly string[] | undefined>;
  /** What may be opened of a job that was taken before. */
  placesOf(by: Submitter): readonly string[] | undefined;
}

/** @param rights left out: no code of theirs is run, and all places are opened */
export function admissionBy(rights: SubmitRights = USUAL_RIGHTS): Admission {
  return {
    admit: (spec, by) => admitJob(spec, by, rights),
    placesOf: ({ role }) => rights.locations[role],
  };
}

/**
 * Whether a job may be taken from who hands it in: by what its file says, and by where links on the way to
 * its places lead. None of its files is opened.
 *
 * @returns what may be opened of it from here on; undefined: everything
 * @throws {MODULES_REFUSED} {LOCATION_REFUSED} with all that its role does not allow
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
  const message = `${nameOf(by)} names places that are not open to its jobs here`;
  throw new ShardmillError("LOCATION_REFUSED", message, {
    fields: { who: by.name, role: by.role, allowed: shown(allowed) },
    problems,
    hint: "the coordinator's operator allows places by role with --allow-locations",
  });
}

/**
 * Where a coordinator itself puts what it fetched and made for a job. A job that names what lies there was
 * refused; what it fetched must be opened.
 */
const OWN_FOLDERS = [
  () => cacheFolder("fetched"),
  () => cacheFolder("models"),
  () => cacheFolder("modules"),
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
  if (!isAllowed(location, allowed)) return problem("is none of the places that this coordinator opens");
  if (!isOnThisMachine(location)) return null;
  await using storages = new Storages({}, { ...NO_STORES, allowed });
  try {
    await (await storages.at(location)).kindAt(location, NEVER);
    return null;
  } catch (error) {
    // What else is wrong with it is for planning to say, which looks at everything.
    return isShardmillError(error, "LOCATION_REFUSED")
      ? problem("leads, by a link, to none of the places that this coordinator opens")
      : null;
  }
}

/** Before a byte of it is read. */
function refuseCode(spec: JobSpec, by: Submitter): void {
  const code = programsOf(spec);
  if (code.length === 0) return;
  const message = `this coordinator takes no jobs that bring code along from ${nameOf(by)}`;
  throw new ShardmillError("MODULES_REFUSED", message, {
    fields: { who: by.name, role: by.role },
    problems: code.map(({ where, path }) => ({
      where,
      what: "is code of the job's own",
      expected: "SQL, or what else Shardmill does by itself",
      found: withoutSecrets(path),
      hint: "its operator allows code with --allow-modules, of those roles who may be trusted with it",
    })),
  });
}

function nameOf({ name, role }: Submitter): string {
  return `${name}, of role ${role}`;
}

function shown(allowed: readonly string[]): string {
  return allowed.length === 0 ? "none" : allowed.map(withoutSecrets).join(" ");
}
