import { ShardmillError } from "../../shared/core/errors.ts";
import type { StoreSettings } from "../../shared/domain/job-stores.ts";

/** Endpoint of Google Cloud Storage and the kind of access. */
export interface GcsSettings {
  /** Endpoint without the API path. */
  readonly endpoint: URL;
  readonly isAnonymous: boolean;
  /** Certificates of authorities in PEM. Null: the default authorities. */
  readonly ca: string | null;
  /** See `Connections`. */
  readonly isGuarded?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const ENDPOINT = "https://storage.googleapis.com";
/** Google's own hosts, private ones included. They receive credentials even when a job names them. */
const GOOGLE = /(^|\.)googleapis\.com$/;
/** Path that some tools want after the host, and others do not. */
const API_PATH = /\/storage\/v1\/?$/;

/**
 * Reads the settings. The job's come first, then those of Google's own libraries and tools. Emulators and
 * endpoints outside Google get anonymous requests, because a token is valid for anyone who receives it.
 *
 * @throws {STORE_REFUSED} when the settings cannot be used here. Another machine may have valid ones.
 */
export function gcsSettingsOf(env: Environment, own: StoreSettings = {}): GcsSettings {
  const isSkipped = /^(1|true)$/i.test(env.GOOGLE_SKIP_SIGNATURE ?? "");
  const ca = own.ca ?? null;
  if (own.endpoint !== undefined) {
    const endpoint = endpointOf("stores", own.endpoint);
    const isGoogle = endpoint.protocol === "https:" && GOOGLE.test(endpoint.hostname);
    return { endpoint, isAnonymous: !isGoogle || (own.anonymous ?? isSkipped), ca };
  }
  const emulator = env.STORAGE_EMULATOR_HOST;
  const override = env.CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE;
  const endpoint = emulator
    ? // By convention, the variable may have a host and port only.
      endpointOf("STORAGE_EMULATOR_HOST", emulator.includes("://") ? emulator : `http://${emulator}`)
    : endpointOf("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", override || ENDPOINT);
  return { endpoint, isAnonymous: own.anonymous ?? (Boolean(emulator) || isSkipped), ca };
}

function endpointOf(variable: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isUsable =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === "";
  if (!isUsable) throw invalidSetting(variable, "is not an address of a store", "https://HOST:PORT");
  url.pathname = url.pathname.replace(API_PATH, "");
  return url;
}

export function invalidSetting(
  variable: string,
  what: string,
  expected: string,
  cause?: unknown,
): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `Google Cloud Storage cannot be used: ${variable} ${what}`, {
    fields: { variable, expected },
    hint: `set ${variable} to ${expected}, or unset it`,
    ...(cause === undefined ? {} : { cause }),
  });
}
