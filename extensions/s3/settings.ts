import type { StoreSettings } from "../../shared/domain/job-stores.ts";
import { namedEndpoint } from "../../shared/domain/store-schemes.ts";
import { checkRegion, type Environment, invalidSetting, regionOf } from "../aws/settings.ts";

/** Where a store is, and how its buckets are addressed. */
export interface S3Settings {
  /** Of a store that is not AWS's own; null: AWS's, in the region. */
  readonly endpoint: URL | null;
  readonly region: string;
  /** `path`: the bucket is the first name of the path; `virtual`: it is a part of the host's name. */
  readonly addressing: "path" | "virtual";
  /** Certificates of authorities in PEM; null: the usual ones. */
  readonly ca: string | null;
  /** Requests agree to be paid for. Left out: they do not. */
  readonly requesterPays?: boolean;
  /** Who named the endpoint may not name this machine. Left out: may. */
  readonly isGuarded?: boolean;
}

/**
 * What the job says comes first, then the environment, then the profile.
 *
 * @param profile settings of the profile that is used; `s3_endpoint_url` is of its section of services
 * @throws {STORE_REFUSED} when they cannot be used: on another machine they may be right
 */
export function s3SettingsOf(env: Environment, profile: Environment, own: StoreSettings = {}): S3Settings {
  const endpoint = own.endpoint === undefined ? conventionalEndpoint(env, profile) : named(own.endpoint);
  const addressing =
    own.addressing ??
    // Of the environment, it is said of the environment's endpoint.
    ((own.endpoint === undefined && env.SHARDMILL_S3_ADDRESSING) ||
      (endpoint === undefined ? "virtual" : "path"));
  if (addressing !== "path" && addressing !== "virtual")
    throw invalidSetting(
      { service: "S3", name: "SHARDMILL_S3_ADDRESSING" },
      "is neither of the two",
      "path or virtual",
    );
  const region = own.region || regionOf(env, profile);
  // Other stores call theirs as they like.
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
      "is no address of a store",
      "https://HOST:PORT",
    );
  return url;
}

/** The address of a bucket's objects, without an end: always on the host of the store, or below that. */
export function addressOf({ endpoint, region, addressing }: S3Settings, bucket: string): URL {
  const store = new URL(endpoint ?? `https://s3.${region}.${suffixOf(region)}`);
  // A name with dots fits no certificate of AWS's as a part of the host's.
  if (addressing === "virtual" && !bucket.includes(".")) {
    const url = new URL(store);
    url.hostname = `${bucket}.${store.hostname}`;
    // What no host can be called is cut, written otherwise, or not taken at all: that is no word of ours.
    if (url.hostname === `${bucket}.${store.hostname}`) return url;
  }
  store.pathname = `${store.pathname.replace(/\/$/, "")}/${bucket}`;
  return store;
}

/** AWS has one store for all of its regions: a bucket's name is taken in all of them. */
export function storeOf({ endpoint, region }: Pick<S3Settings, "endpoint" | "region">): string {
  return endpoint === null ? `https://${suffixOf(region)}` : endpoint.href.replace(/\/$/, "");
}

function suffixOf(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}
