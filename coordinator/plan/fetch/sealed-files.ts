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
import {
  withFiles,
  withReductionFiles,
  withStageModels,
  withTableFiles,
} from "../../../shared/job-file/map-files.ts";

interface Sealed<Spec> {
  /** The job, with locations that may be shown anywhere. */
  readonly spec: Spec;
  /** Stores, with the full addresses of those locations. */
  readonly stores: JobStores;
}

/**
 * Removes possible secrets from the addresses of a job's model, tokenizers, code and tables, as `expandInput`
 * does for its input. Only the coordinator fetches these files, while planning, so their addresses stay with
 * it.
 */
export function sealFiles<Spec extends Pick<JobSpec, "model" | "map" | "reduce" | "tables">>(
  spec: Spec,
  stores: JobStores,
): Sealed<Spec> {
  const addresses: Record<Location, string> = { ...stores.addresses };
  const seal = (path: string) => sealFile(path, addresses);
  const sealed = {
    ...spec,
    ...(spec.model === undefined ? {} : { model: { ...spec.model, path: seal(spec.model.path) } }),
    map: withFiles(withStageModels(spec.map, seal), seal),
    reduce: withReductionFiles(spec.reduce, seal),
    ...withTableFiles(spec, seal),
  };
  return { spec: sealed, stores: { ...stores, addresses } };
}

/** Seals the address of a model that no job file names. */
export function sealModel(path: string): { readonly path: string; readonly stores: JobStores } {
  const addresses: Record<Location, string> = {};
  return { path: sealFile(path, addresses), stores: { ...NO_STORES, addresses } };
}

/** @param addresses receives the full address, if the result is not the full one */
function sealFile(path: string, addresses: Record<Location, string>): string {
  if (!isWebInput(path)) return path;
  const { location, address } = sealAddress(path);
  if (address !== null) addresses[location] = address;
  return location;
}

/**
 * Returns the location of a file in another file's folder. On the web its address differs only in the path: a
 * signature may be valid for a whole folder.
 *
 * @param addresses receives its full address, if its location is not the full one
 */
export function siblingFile(file: Location, name: string, addresses: Record<Location, string>): Location {
  if (!isWebInput(file)) return below(folderOf(file), name);
  const url = new URL(addresses[file] ?? file);
  const folder = url.pathname.slice(0, url.pathname.lastIndexOf("/") + 1);
  url.pathname = `${folder}${name.split("/").map(encodeURIComponent).join("/")}`;
  url.hash = "";
  return parseLocation(sealFile(url.href, addresses));
}
