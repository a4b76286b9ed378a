import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { loadSharedConfigFiles } from "@smithy/core/config";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { StoreSettings } from "../../shared/domain/job-stores.ts";
import { takenBefore } from "../../shared/storage/taken-before.ts";
import { boundedProvider } from "../object-store/bounded-provider.ts";
import { readCaBundle } from "../object-store/ca-bundle.ts";
import { CredentialCache, type CredentialProvider } from "../object-store/credential-cache.ts";
import { noCredentials, type S3Credentials, silentProvider } from "./credentials.ts";
import { ProviderWatch } from "./provider-watch.ts";
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
 * Settings of the job, then of the environment, then of the profile in the shared configuration files: in the
 * order of botocore.
 *
 * @throws {STORE_REFUSED} when they cannot be used
 */
export async function loadSettings(env: Environment, own: StoreSettings): Promise<S3Settings> {
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  const name = own.profile ?? profileOf(env);
  const known: Environment = { ...credentialsFile[name ?? "default"], ...configFile[name ?? "default"] };
  if (name !== undefined && Object.keys(known).length === 0)
    throw noProfile(name, own.profile === undefined ? "the environment" : "`stores`");
  const services = known.services === undefined ? {} : configFile[`services.${known.services}`];
  const profile: Environment = { ...known, s3_endpoint_url: services?.["s3.endpoint_url"] };
  const settings = s3SettingsOf(env, profile, own);
  const [variable, bundle] = env.AWS_CA_BUNDLE
    ? (["AWS_CA_BUNDLE", env.AWS_CA_BUNDLE] as const)
    : (["ca_bundle", profile.ca_bundle] as const);
  if (!bundle || settings.ca !== null) return settings;
  const ca = await readCaBundle(bundle, (...why) => invalidSetting(variable, ...why));
  return { ...settings, ca };
}

/** The profile that the environment names, by the names that botocore reads. */
function profileOf(env: Environment): string | undefined {
  return env.AWS_DEFAULT_PROFILE || env.AWS_PROFILE || undefined;
}

/**
 * Of the environment, profiles, single sign-on, a process, web identity, containers, or the machine's role.
 * Keys of the environment come before a profile that the environment names, as for botocore.
 */
export function provideByConvention(profile?: string): CredentialProvider<S3Credentials> {
  // That its next versions want another Node is for those who build this program to know.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  const watch = new ProviderWatch(profile ?? profileOf(process.env));
  const open = (): CredentialProvider<S3Credentials> => {
    const provide = defaultProvider({
      logger: watch,
      ...(watch.profile === undefined ? {} : { profile: watch.profile }),
    });
    return async (options) => {
      const keys = profile === undefined ? keysOf(process.env) : null;
      return keys ?? checkedKeys(await provide(options));
    };
  };
  const provide = boundedProvider(open, (seconds) => silentProvider(watch.asked, seconds));
  return async (options) => {
    try {
      return await provide(options);
    } catch (cause) {
      throw isShardmillError(cause) ? cause : noCredentials(cause);
    }
  };
}

function keysOf(env: Environment): S3Credentials | null {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: token,
  } = env;
  if (!accessKeyId || !secretAccessKey) return null;
  const session = token ? { sessionToken: token } : {};
  return checkedKeys({ accessKeyId, secretAccessKey, ...session }, (name) => name.toUpperCase());
}

/** @throws {STORE_REFUSED} for a key with a line feed, as a secret made by `echo` has it */
function checkedKeys(
  keys: S3Credentials,
  nameOf: (setting: string) => string = (setting) => setting,
): S3Credentials {
  const { accessKeyId, secretAccessKey, sessionToken = "" } = keys;
  const settings = {
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: secretAccessKey,
    aws_session_token: sessionToken,
  };
  for (const [setting, value] of Object.entries(settings))
    if (/\s/.test(value))
      throw invalidSetting(nameOf(setting), "has a line feed or a blank in it", "the key without it");
  return keys;
}

/** The library would look elsewhere for credentials, as if nobody had named a profile. */
function noProfile(profile: string, by: string): ShardmillError {
  return new ShardmillError(
    "STORE_REFUSED",
    `S3 cannot be reached from here: no profile ${profile}, which ${by} names`,
    {
      fields: { variable: "AWS_CONFIG_FILE", expected: `a profile called ${profile}` },
      hint: "add it to ~/.aws/config or ~/.aws/credentials of this machine, or name another",
    },
  );
}
