import { ShardmillError } from "../../shared/core/errors.ts";
import type { StoreSettings } from "../../shared/domain/job-stores.ts";

/** Where Google Cloud Storage is, and whether it is told who asks. */
export interface GcsSettings {
  /** Without the path of its API. */
  readonly endpoint: URL;
  readonly isAnonymous: boolean;
  /** Certificates of authorities in PEM; null: the usual ones. */
  readonly ca: string | null;
  /** See `Connections`. */
  readonly isGuarded?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const ENDPOINT = "https://storage.googleapis.com";
/** Hosts that may be told who asks, though a job names them: private addresses of Google's own. */
const GOOGLE = /(^|\.)googleapis\.com$/;
/** What some tools want behind the host, and others do not. */
const API_PATH = /\/storage\/v1\/?$/;

/**
 * What the job says comes first; else as Google's own libraries and programs have it: whoever names an
 * emulator asks it without credentials, and a job that names a host which is not Google's does, too: tokens
 * are as good to whoever is told them.
 *
 * @throws {STORE_REFUSED} when they cannot be used: on another machine they may be right
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
    ? // By convention it may be a host and its port alone.
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
  if (!isUsable) throw invalidSetting(variable, "is no address of a store", "https://HOST:PORT");
  url.pathname = url.pathname.replace(API_PATH, "");
  return url;
}

export function invalidSetting(
  variable: string,
  what: string,
  expected: string,
  cause?: unknown,
): ShardmillError {
  return new ShardmillError(
    "STORE_REFUSED",
    `Google Cloud Storage cannot be reached from here: ${variable} ${what}`,
    {
      fields: { variable, expected },
      hint: `set ${variable} to ${expected}, or to nothing`,
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
