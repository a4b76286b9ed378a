import type { Options } from "yargs";
import type { SubmitRights } from "../coordinator/access/submit-rights.ts";
import type { Role } from "../shared/access/roles.ts";
import { ShardmillError } from "../shared/core/errors.ts";

/** Options for the rights of other users' jobs on a coordinator. */

/** Roles that may submit jobs. */
const SUBMITTERS = ["submit", "admin"] as const satisfies readonly Role[];

export const rightsOptions = {
  "allow-modules": {
    type: "string",
    array: true,
    defaultDescription: "none",
    describe:
      "Run the code of submitted jobs (`module`) with all rights of this process, for all roles that submit or for these (admin)",
  },
  "allow-locations": {
    type: "string",
    array: true,
    requiresArg: true,
    defaultDescription: "all",
    describe:
      "Paths, buckets and servers that submitted jobs may use, each with all below it, or `none` (for one role: submit=/data)",
  },
} as const satisfies Record<string, Options>;

export interface RightsArguments {
  readonly "allow-modules": readonly string[] | undefined;
  readonly "allow-locations": readonly string[] | undefined;
}

/** @throws {ARGUMENT_INVALID} for a role that may not submit, or an invalid place */
export async function rightsOf(args: RightsArguments): Promise<SubmitRights> {
  const { "allow-modules": roles, "allow-locations": places = [] } = args;
  const modules = roles === undefined ? [] : roles.length === 0 ? SUBMITTERS : roles.map(submitterOf);
  const entries = places.map(entryOf);
  const allowed = await Promise.all(SUBMITTERS.map((role) => placesOf(role, entries)));
  const locations = SUBMITTERS.flatMap((role, at) => {
    const list = allowed[at];
    return list === undefined ? [] : [[role, list] as const];
  });
  return { modules, locations: Object.fromEntries(locations) };
}

interface Entry {
  /** Null: all roles. */
  readonly role: Role | null;
  readonly place: string;
}

function entryOf(text: string): Entry {
  const [, name, place] = /^([a-z]+)=(.*)$/s.exec(text) ?? [];
  return name === undefined || place === undefined
    ? { role: null, place: text }
    : { role: submitterOf(name), place };
}

/** Returns the places for all roles and for this one. Undefined: neither is set. */
async function placesOf(role: Role, entries: readonly Entry[]): Promise<readonly string[] | undefined> {
  const { parseAllowed } = await import("../shared/domain/allowed-locations.ts");
  const said = [null, role].map((owner) =>
    entries.filter((entry) => entry.role === owner).map(({ place }) => place),
  );
  if (said.every((places) => places.length === 0)) return undefined;
  return said.flatMap((places) => (places.length === 0 ? [] : parseAllowed(places, "--allow-locations")));
}

function submitterOf(name: string): Role {
  const role = SUBMITTERS.find((known) => known === name);
  if (role !== undefined) return role;
  throw new ShardmillError("ARGUMENT_INVALID", `${JSON.stringify(name)} is not a role that may submit jobs`, {
    fields: { expected: SUBMITTERS.join(", "), found: name },
    hint: "write the job file before --allow-modules, and a place with such a name as ./NAME=...",
  });
}
