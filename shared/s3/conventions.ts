import { readFile } from "node:fs/promises";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { loadSharedConfigFiles } from "@smithy/core/config";
import { messageOf, ShardmillError } from "../core/errors.ts";
import type { StoreSettings } from "../domain/job-stores.ts";
import { CredentialCache, type CredentialProvider } from "../objects/credential-cache.ts";
import { takenBefore } from "../objects/taken-before.ts";
import { noCredentials, type S3Credentials } from "./credentials.ts";
import { S3Client } from "./s3-client.ts";
import { type Environment, invalidSetting, type S3Settings, s3SettingsOf } from "./settings.ts";

/**
 * A client by what the job says, and else by the settings and the credentials that AWS's own programs would
 * take, as the vendor's libraries find them.
 *
 * @throws {STORE_REFUSED} when the settings cannot be used
 */
export async function openS3Client(own: StoreSettings, isGuarded = false): Promise<S3Client> {
  const found = await loadSettings(process.env, own);
  // An endpoint of the environment is the operator's own word.
  const settings = { ...found, isGuarded: isGuarded && own.endpoint !== undefined };
  const credentials =
    own.anonymous === true
      ? null
      : new CredentialCache(provideByConvention(own.profile), {
          taken: takenBefore(["s3", settings, own.profile]),
        });
  return new S3Client({ settings, credentials });
}

/**
 * Of the job, then of the environment, then of the profile in the shared configuration files.
 *
 * @throws {STORE_REFUSED} when they cannot be used
 */
export async function loadSettings(env: Environment, own: StoreSettings): Promise<S3Settings> {
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  const name = own.profile ?? env.AWS_PROFILE ?? "default";
  const profile = { ...credentialsFile[name], ...configFile[name] };
  if (own.profile !== undefined && Object.keys(profile).length === 0) throw noProfile(own.profile);
  const settings = s3SettingsOf(env, profile, own);
  const bundle = env.AWS_CA_BUNDLE;
  if (!bundle || settings.ca !== null) return settings;
  try {
    return { ...settings, ca: await readFile(bundle, "utf8") };
  } catch (cause) {
    throw invalidSetting(
      "AWS_CA_BUNDLE",
      `cannot be read: ${messageOf(cause)}`,
      "a file of certificates in PEM",
      cause,
    );
  }
}

/**
 * Of the environment, profiles, single sign-on, a process, web identity, containers, or the machine's role.
 */
export function provideByConvention(profile?: string): CredentialProvider<S3Credentials> {
  // That its next versions want another Node is for those who build this program to know.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  const provide = defaultProvider(profile === undefined ? {} : { profile });
  return async (options) => {
    try {
      return await provide(options);
    } catch (cause) {
      throw noCredentials(cause);
    }
  };
}

/** The library would look elsewhere for credentials, as if the job had named none. */
function noProfile(profile: string): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `S3 cannot be reached from here: no profile ${profile}`, {
    fields: { variable: "AWS_CONFIG_FILE", expected: `a profile called ${profile}` },
    hint: "add it to ~/.aws/config or ~/.aws/credentials of this machine, or name another in `stores`",
  });
}
