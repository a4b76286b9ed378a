import {
  type AuthClient,
  BaseExternalAccountClient,
  Compute,
  GoogleAuth,
  Impersonated,
  JWT,
  UserRefreshClient,
} from "google-auth-library";
import { systemClock } from "../../shared/core/clock.ts";
import type { StoreSettings } from "../../shared/domain/job-stores.ts";
import { takenBefore } from "../../shared/storage/taken-before.ts";
import { boundedProvider } from "../object-store/bounded-provider.ts";
import { readCaBundle } from "../object-store/ca-bundle.ts";
import { CredentialCache, type CredentialProvider } from "../object-store/credential-cache.ts";
import { ANONYMOUS, type GcsCredentials, noCredentials, silentProvider } from "./credentials.ts";
import { GcsClient } from "./gcs-client.ts";
import { type Environment, type GcsSettings, gcsSettingsOf, invalidSetting } from "./settings.ts";

const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";
/** Lifetime of a token without an expiry: a tenth of the lifetime of Google's tokens. */
const UNKNOWN_LIFE_MS = 6 * 60_000;

/**
 * Opens a client by the job's settings, else by the settings and credentials of Google's own tools. Google's
 * library finds these.
 *
 * @throws {STORE_REFUSED} when the settings cannot be used
 */
export async function openGcsClient(own: StoreSettings = {}, isGuarded = false): Promise<GcsClient> {
  const found = await loadSettings(process.env, own);
  const settings = { ...found, isGuarded: isGuarded && own.endpoint !== undefined };
  const provide = settings.isAnonymous ? async () => ANONYMOUS : provideByConvention();
  const credentials = new CredentialCache(provide, { taken: takenBefore(["gs", settings]) });
  return new GcsClient({ settings, credentials });
}

async function loadSettings(env: Environment, own: StoreSettings): Promise<GcsSettings> {
  const settings = gcsSettingsOf(env, own);
  const variable = "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE";
  const bundle = env[variable];
  if (!bundle || settings.ca !== null) return settings;
  return { ...settings, ca: await readCaBundle(bundle, (...why) => invalidSetting(variable, ...why)) };
}

/**
 * Provides credentials of a file that the environment names, of gcloud, or of the machine's service account.
 */
function provideByConvention(): CredentialProvider<GcsCredentials> {
  let requested = "the metadata server of this machine";
  const open = () => providerOf((who) => (requested = who));
  return boundedProvider(open, (seconds) => silentProvider(requested, seconds));
}

function providerOf(onRequest: (who: string) => void): CredentialProvider<GcsCredentials> {
  let opened: Promise<AuthClient> | null = null;
  return async ({ forceRefresh }) => {
    try {
      // The library considers its cached token valid, so only a new client requests another.
      if (forceRefresh) opened = null;
      // Without a project id, the library would search for one with programs and requests. No request here
      // needs it.
      opened ??= new GoogleAuth({ scopes: SCOPE, projectId: "none" }).getClient();
      const client = await opened;
      onRequest(giverOf(client));
      const headers = Object.fromEntries(await client.getRequestHeaders());
      const endMs = client.credentials.expiry_date ?? systemClock.wallMs() + UNKNOWN_LIFE_MS;
      return { headers, identity: identityOf(client), expiration: new Date(endMs) };
    } catch (cause) {
      opened = null;
      throw noCredentials(cause);
    }
  };
}

/** Returns the name of the token's source, for messages. */
function giverOf(client: AuthClient): string {
  const file = process.env.GOOGLE_APPLICATION_CREDENTIALS;
  return `the token provider of ${identityOf(client)}${file ? ` (${file})` : ""}`;
}

function identityOf(client: AuthClient): string {
  if (client instanceof JWT) return `service account ${client.email}`;
  if (client instanceof Impersonated) return `service account ${client.getTargetPrincipal()}`;
  if (client instanceof Compute) return "the service account of this machine";
  if (client instanceof UserRefreshClient) return "the user of `gcloud auth application-default login`";
  if (client instanceof BaseExternalAccountClient) {
    const account = client.getServiceAccountEmail();
    return account === null ? "a workload identity" : `service account ${account} with workload identity`;
  }
  return "application default credentials";
}
