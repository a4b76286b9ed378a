import type { StoreSettings } from "../../shared/domain/job-stores.ts";
import { takenBefore } from "../../shared/storage/taken-before.ts";
import { boundedProvider } from "../object-store/bounded-provider.ts";
import { readCaBundle } from "../object-store/ca-bundle.ts";
import { CredentialCache, type CredentialProvider } from "../object-store/credential-cache.ts";
import { AzureClient } from "./azure-client.ts";
import { type AzureCredentials, silentProvider } from "./credentials.ts";
import { provideTokens } from "./identities.ts";
import {
  type AzureSettings,
  atEndpoint,
  azureSettingsOf,
  type Environment,
  invalidSetting,
} from "./settings.ts";

/**
 * Opens a client by the job's settings, else by the settings and credentials that Azure's own tools use.
 *
 * @throws {STORE_REFUSED} when the settings cannot be used
 */
export async function openAzureClient(own: StoreSettings = {}, isGuarded = false): Promise<AzureClient> {
  const found = await loadSettings(process.env, own);
  const settings = { ...found, isGuarded: isGuarded && own.endpoint !== undefined };
  const credentials = new CredentialCache(providerOf(settings), { taken: takenBefore(["az", settings]) });
  return new AzureClient({ settings, credentials });
}

async function loadSettings(env: Environment, own: StoreSettings): Promise<AzureSettings> {
  const settings = ofJob(azureSettingsOf(env), own);
  const variable = "REQUESTS_CA_BUNDLE";
  const bundle = env[variable];
  if (!bundle || settings.ca !== null) return settings;
  const ca = await readCaBundle(bundle, (what, expected) => invalidSetting(variable, what, expected));
  return { ...settings, ca };
}

/** Applies the job's settings. `anonymous: false` changes nothing, because it names no credentials. */
function ofJob(settings: AzureSettings, { anonymous, ca, endpoint }: StoreSettings): AzureSettings {
  const own = { ...settings, ca: ca ?? null };
  const there = endpoint === undefined ? own : atEndpoint(own, endpoint);
  return anonymous === true ? { ...there, access: { kind: "anonymous" } } : there;
}

function providerOf({ access, account }: AzureSettings): CredentialProvider<AzureCredentials> {
  switch (access.kind) {
    case "key":
      return async () => ({ ...access, identity: `account ${account} with its key` });
    case "sas":
      return async () => ({ ...access, identity: "a shared access signature" });
    case "anonymous":
      return async () => ({ ...access, identity: "an anonymous caller" });
    case "identity":
      return boundedProvider(() => provideTokens(process.env), silentProvider);
  }
}
