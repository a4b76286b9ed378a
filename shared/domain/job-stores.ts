import type { Location } from "./location.ts";
import type { StoreSpec } from "./store-spec.ts";

/** What a job says of a store. `ca` is the certificates themselves, in PEM. */
export type StoreSettings = StoreSpec;

/**
 * What a job says of the stores that it reaches, for coordinator and workers alike: it travels with the job's
 * description, and is in no journal, log, status or manifest.
 */
export interface JobStores {
  /** By `s3://BUCKET`, `s3://` or `https://HOST`. */
  readonly settings: Readonly<Record<string, StoreSettings>>;
  /** Of files on web servers, where their locations do not say all: see `sealAddress`. Secrets. */
  readonly addresses: Readonly<Record<Location, string>>;
  /** The job is of somebody who may not reach what only these machines can: see `Connections`. */
  readonly isGuarded: boolean;
  /**
   * What may be opened, as `isAllowed` takes it: what the coordinator opens for whoever submitted the job. A
   * worker narrows it by what its own operator allows, and nobody can widen that. Left out: everything.
   */
  readonly allowed?: readonly string[];
  /** `allowed` is narrowed by this worker's operator. Another worker may open more. Default: false. */
  readonly isNarrowed?: boolean;
}

/** All is as the machine that asks has it. */
export const NO_STORES: JobStores = { settings: {}, addresses: {}, isGuarded: false };

/** ... as far as these files need it. */
export function storesOf(
  { addresses, ...stores }: JobStores,
  files: readonly { readonly path: Location }[],
): JobStores {
  const needed = files.flatMap(({ path }) => {
    const address = addresses[path];
    return address === undefined ? [] : [[path, address] as const];
  });
  return { ...stores, addresses: Object.fromEntries(needed) };
}

/** Settings of which stores with the same name have the same ones. */
interface NamedSettings {
  readonly name: string;
  readonly settings: StoreSettings;
}

/** What is said of a bucket: under its own name, or else of all buckets. Never both together. */
export function bucketSettings(
  { settings }: Pick<JobStores, "settings">,
  scheme: string,
  bucket: string,
): NamedSettings {
  const own = `${scheme}://${bucket}`;
  const name = Object.hasOwn(settings, own) ? own : `${scheme}://`;
  return { name, settings: settings[name] ?? {} };
}

/** What is said of a web server. */
export function hostSettings(
  { settings }: Pick<JobStores, "settings">,
  { protocol, host }: URL,
): StoreSettings {
  const own = Object.keys(settings).find((name) => {
    return name.startsWith(`${protocol}//`) && new URL(name).host === host;
  });
  return settings[own ?? ""] ?? {};
}
