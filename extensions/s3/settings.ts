import type { StoreSettings } from "../../shared/domain/job-stores.ts";
import { namedEndpoint } from "../../shared/domain/store-schemes.ts";
import { checkRegion, type Environment, invalidSetting, regionOf } from "../aws/settings.ts";

/** Endpoint of a store, and the addressing of its buckets. */
export interface S3Settings {
  /** Endpoint of a store other than AWS. Null: AWS, in the region. */
  readonly endpoint: URL | null;
  readonly region: string;
  /** `path`: the bucket begins the path. `virtual`: the bucket begins the host name. */
  readonly addressing: "path" | "virtual";
  /** Certificates of authorities in PEM. Null: the default authorities. */
  readonly ca: string | null;
  /** True when requests agree to be billed. Default: false. */
  readonly requesterPays?: boolean;
  /** True when the endpoint must not be this machine: see `Connections`. Default: false. */
  readonly isGuarded?: boolean;
}

/**
 * Reads the settings of the job, then of the environment, then of the profile.
 *
 * @param profile settings of the profile, whose service section has `s3_endpoint_url`
 * @throws {STORE_REFUSED} when the settings cannot be used here. Another machine may have valid ones.
 */
export function s3SettingsOf(env: Environment, profile: Environment, own: StoreSettings = {}): S3Settings {
  const endpoint = own.endpoint === undefined ? conventionalEndpoint(env, profile) : named(own.endpoint);
  const addressing =
    own.addressing ??
    // The environment's addressing belongs to the environment's endpoint.
    ((own.endpoint === undefined && env.SHARDMILL_S3_ADDRESSING) ||
      (endpoint === undefined ? "virtual" : "path"));
  if (addressing !== "path" && addressing !== "virtual")
    throw invalidSetting({ service: "S3", name: "SHARDMILL_S3_ADDRESSING" }, "is unknown", "path or virtual");
  const region = own.region || regionOf(env, profile);
  // Other stores have regions of any name.
  if (endpoint === undefined) checkRegion("S3", region);
  return {
    endpoint: endpoint === undefined ? null : endpointOf(endpoint),
    region,
    addressing,
    ca: own.ca ?? null,
    requesterPays: own.requesterPays ?? false,
  };
}

function named(endpoint: string): string | undefined {
  return namedEndpoint(endpoint) === undefined ? endpoint : undefined;
}

function conventionalEndpoint(env: Environment, profile: Environment): string | undefined {
  const ignored = env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS || profile.ignore_configured_endpoint_urls;
  if (ignored?.toLowerCase() === "true") return undefined;
  const ofEnvironment = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  return ofEnvironment || profile.s3_endpoint_url || profile.endpoint_url || undefined;
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isUsable =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username === "" &&
    url.password === "" &&
    url.search === "" &&
    url.hash === "";
  if (!isUsable)
    throw invalidSetting(
      { service: "S3", name: "AWS_ENDPOINT_URL" },
      "is not an address of a store",
      "https://HOST:PORT",
    );
  return url;
}

/**
 * Returns the URL of a bucket's objects, without a trailing slash. It is always on the store's host, or below
 * it.
 */
export function addressOf({ endpoint, region, addressing }: S3Settings, bucket: string): URL {
  const store = new URL(endpoint ?? `https://s3.${region}.${suffixOf(region)}`);
  // AWS certificates do not cover a bucket name with dots in the host name.
  if (addressing === "virtual" && !bucket.includes(".")) {
    const url = new URL(store);
    url.hostname = `${bucket}.${store.hostname}`;
    // Names that are invalid in a host are truncated, normalized or refused by the URL parser.
    if (url.hostname === `${bucket}.${store.hostname}`) return url;
  }
  store.pathname = `${store.pathname.replace(/\/$/, "")}/${bucket}`;
  return store;
}

/**
 * Returns the address of the store. AWS is one store for all its regions, because bucket names are unique
 * over them.
 */
export function storeOf({ endpoint, region }: Pick<S3Settings, "endpoint" | "region">): string {
  return endpoint === null ? `https://${suffixOf(region)}` : endpoint.href.replace(/\/$/, "");
}

function suffixOf(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}
