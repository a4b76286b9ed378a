import * as z from "zod";
import { STORE_SPEC, type StoreSpec } from "./store-spec.ts";

/** What a job says of a store. `ca` is the certificates themselves, in PEM. */
export type StoreSettings = StoreSpec;

/**
 * What a job says of the stores that it reaches, for coordinator and workers alike: it travels with the job's
 * description, and is in no journal, status or manifest.
 */
export interface JobStores {
  /** By `s3://BUCKET`, `s3://` or `https://HOST`. */
  readonly settings: Readonly<Record<string, StoreSettings>>;
}

/** As it comes to a worker. */
export const JOB_STORES_SCHEMA: z.ZodType<JobStores> = z.object({
  settings: z.record(z.string(), STORE_SPEC),
});

/** All is as the machine that asks has it. */
export const NO_STORES: JobStores = { settings: {} };

/** Settings of which stores with the same name have the same ones. */
interface NamedSettings {
  readonly name: string;
  readonly settings: StoreSettings;
}

/** What is said of a bucket: under its own name, or else of all buckets. Never both together. */
export function bucketSettings({ settings }: JobStores, scheme: string, bucket: string): NamedSettings {
  const own = `${scheme}://${bucket}`;
  const name = Object.hasOwn(settings, own) ? own : `${scheme}://`;
  return { name, settings: settings[name] ?? {} };
}

/** What is said of a web server. */
export function hostSettings({ settings }: JobStores, { protocol, host }: URL): StoreSettings {
  const own = Object.keys(settings).find((name) => {
    return name.startsWith(`${protocol}//`) && new URL(name).host === host;
  });
  return settings[own ?? ""] ?? {};
}
