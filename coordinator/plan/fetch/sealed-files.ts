import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import {
  below,
  folderOf,
  isWebInput,
  type Location,
  parseLocation,
} from "../../../shared/domain/location.ts";
import { sealAddress } from "../../../shared/domain/web-address.ts";
import { withFiles, withReductionFiles } from "../../../shared/job-file/map-files.ts";

interface Sealed<Spec> {
  /** With locations that may be shown anywhere. */
  readonly spec: Spec;
  /** With the full addresses of those locations. */
  readonly stores: JobStores;
}

/**
 * Takes what may be a secret out of the addresses that a job names its model, tokenizers and code by, as
 * `expandInput` does it for its input. These files are fetched while the job is planned, so their addresses
 * are told to nobody else.
 */
export function sealFiles<Spec extends Pick<JobSpec, "model" | "map" | "reduce">>(
  spec: Spec,
  stores: JobStores,
): Sealed<Spec> {
  const addresses: Record<Location, string> = { ...stores.addresses };
  const seal = (path: string) => sealFile(path, addresses);
  const sealed = {
    ...spec,
    model: { ...spec.model, path: seal(spec.model.path) },
    map: withFiles(spec.map, seal),
    reduce: withReductionFiles(spec.reduce, seal),
  };
  return { spec: sealed, stores: { ...stores, addresses } };
}

/** The same of a model that no job file names. */
export function sealModel(path: string): { readonly path: string; readonly stores: JobStores } {
  const addresses: Record<Location, string> = {};
  return { path: sealFile(path, addresses), stores: { ...NO_STORES, addresses } };
}

/** @param addresses gets the full address, where what is returned does not say all */
function sealFile(path: string, addresses: Record<Location, string>): string {
  if (!isWebInput(path)) return path;
  const { location, address } = sealAddress(path);
  if (address !== null) addresses[location] = address;
  return location;
}

/**
 * A file in the folder of another one. On the web it has that one's address but for the path: a signature may
 * be good for all of a folder.
 *
 * @param addresses gets its full address, where its location does not say all
 */
export function besideFile(file: Location, name: string, addresses: Record<Location, string>): Location {
  if (!isWebInput(file)) return below(folderOf(file), name);
  const url = new URL(addresses[file] ?? file);
  const folder = url.pathname.slice(0, url.pathname.lastIndexOf("/") + 1);
  url.pathname = `${folder}${name.split("/").map(encodeURIComponent).join("/")}`;
  url.hash = "";
  return parseLocation(sealFile(url.href, addresses));
}
