import type { Location } from "./location.ts";
import type { StoreSpec } from "./store-spec.ts";

/** Settings of one store from the job. `ca` holds the certificates themselves, in PEM. */
export type StoreSettings = StoreSpec;

/**
 * Settings for the stores of a job, for coordinator and workers. They are sent with the job's description,
 * and never written to a journal, log, status or manifest.
 */
export interface JobStores {
  /** Settings by `s3://BUCKET`, `s3://` or `https://HOST`. */
  readonly settings: Readonly<Record<string, StoreSettings>>;
  /**
   * Full addresses of files on web servers, where locations hide secret parts: see `sealAddress`. Secrets.
   */
  readonly addresses: Readonly<Record<Location, string>>;
  /** The submitter must not reach addresses that only these machines can reach: see `Connections`. */
  readonly isGuarded: boolean;
  /**
   * Locations that the submitter may open, for `isAllowed`. A worker restricts them by its own operator's
   * list, and never extends them. Default: everything.
   */
  readonly allowed?: readonly string[];
  /**
   * The operator of this worker has restricted `allowed`, so another worker may open more. Default: false.
   */
  readonly isNarrowed?: boolean;
}

/** Settings of the machine alone. */
export const NO_STORES: JobStores = { settings: {}, addresses: {}, isGuarded: false };

/** Returns the settings without the addresses that these files do not need. */
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

/** Settings with the name that they have in the job file. */
interface NamedSettings {
  readonly name: string;
  readonly settings: StoreSettings;
}

/** Returns the settings of a bucket: its own, or else those of all buckets. They are never merged. */
export function bucketSettings(
  { settings }: Pick<JobStores, "settings">,
  scheme: string,
  bucket: string,
): NamedSettings {
  const own = `${scheme}://${bucket}`;
  const name = Object.hasOwn(settings, own) ? own : `${scheme}://`;
  return { name, settings: settings[name] ?? {} };
}

/** Returns the settings of a web server. */
export function hostSettings(
  { settings }: Pick<JobStores, "settings">,
  { protocol, host }: URL,
): StoreSettings {
  const own = Object.keys(settings).find((name) => {
    return name.startsWith(`${protocol}//`) && new URL(name).host === host;
  });
  return settings[own ?? ""] ?? {};
}
