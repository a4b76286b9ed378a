import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { loadSharedConfigFiles } from "@smithy/core/config";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { boundedProvider } from "../object-store/bounded-provider.ts";
import { readCaBundle } from "../object-store/ca-bundle.ts";
import type { CredentialProvider } from "../object-store/credential-cache.ts";
import { type AwsCredentials, noCredentials, silentProvider } from "./credentials.ts";
import { ProviderWatch } from "./provider-watch.ts";
import { type AwsService, checkRegion, type Environment, invalidSetting, regionOf } from "./settings.ts";

/** Profile of the shared configuration files. */
interface AwsProfile {
  readonly settings: Environment;
  /** Service section of the profile, such as `s3.endpoint_url`. */
  readonly services: Environment;
}

/**
 * Reads the job's profile, else the environment's, else the default profile.
 *
 * @throws {STORE_REFUSED} when the named profile does not exist
 */
export async function readProfile(service: AwsService, env: Environment, own?: string): Promise<AwsProfile> {
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  const name = own ?? profileOf(env);
  const settings: Environment = { ...credentialsFile[name ?? "default"], ...configFile[name ?? "default"] };
  if (name !== undefined && Object.keys(settings).length === 0)
    throw noProfile(service, name, own === undefined ? "the environment" : "`stores`");
  const services = settings.services === undefined ? undefined : configFile[`services.${settings.services}`];
  return { settings, services: services ?? {} };
}

/**
 * Reads the certificates that the environment names, else the profile's. Null: the default authorities.
 *
 * @throws {STORE_REFUSED} when the certificates cannot be used
 */
export async function readCa(
  service: AwsService,
  env: Environment,
  profile: Environment,
): Promise<string | null> {
  const [variable, bundle] = env.AWS_CA_BUNDLE
    ? (["AWS_CA_BUNDLE", env.AWS_CA_BUNDLE] as const)
    : (["ca_bundle", profile.ca_bundle] as const);
  if (!bundle) return null;
  return await readCaBundle(bundle, (...why) => invalidSetting({ service, name: variable }, ...why));
}

/**
 * Reads the settings of a service that jobs do not configure: from the environment, then from the profile.
 *
 * @throws {STORE_REFUSED} when the settings cannot be used
 */
export async function loadAwsSettings(
  service: AwsService,
  env: Environment,
): Promise<{ readonly region: string; readonly ca: string | null }> {
  const { settings } = await readProfile(service, env);
  const region = regionOf(env, settings);
  checkRegion(service, region);
  return { region, ca: await readCa(service, env, settings) };
}

/** Returns the profile that the environment names, by the variables that botocore reads. */
function profileOf(env: Environment): string | undefined {
  return env.AWS_DEFAULT_PROFILE || env.AWS_PROFILE || undefined;
}

/**
 * Provides credentials of the environment, profiles, single sign-on, a process, web identity, containers, or
 * the machine's role. Keys in the environment precede a profile that the environment names, as in botocore.
 */
export function provideByConvention(
  service: AwsService,
  profile?: string,
): CredentialProvider<AwsCredentials> {
  // Silences the library's warning that its next versions need another Node: users cannot act on it.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  const watch = new ProviderWatch(profile ?? profileOf(process.env));
  const open = (): CredentialProvider<AwsCredentials> => {
    const provide = defaultProvider({
      logger: watch,
      ...(watch.profile === undefined ? {} : { profile: watch.profile }),
    });
    return async (options) => {
      const keys = profile === undefined ? keysOf(service, process.env) : null;
      return keys ?? checkedKeys(service, await provide(options));
    };
  };
  const provide = boundedProvider(open, (seconds) => silentProvider(service, watch.requested, seconds));
  return async (options) => {
    try {
      return await provide(options);
    } catch (cause) {
      throw isShardmillError(cause) ? cause : noCredentials(service, cause);
    }
  };
}

function keysOf(service: AwsService, env: Environment): AwsCredentials | null {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: token,
  } = env;
  if (!accessKeyId || !secretAccessKey) return null;
  const session = token ? { sessionToken: token } : {};
  return checkedKeys(service, { accessKeyId, secretAccessKey, ...session }, (name) => name.toUpperCase());
}

/** @throws {STORE_REFUSED} when a key has a line feed, which `echo` adds to a secret */
function checkedKeys(
  service: AwsService,
  keys: AwsCredentials,
  nameOf: (setting: string) => string = (setting) => setting,
): AwsCredentials {
  const { accessKeyId, secretAccessKey, sessionToken = "" } = keys;
  const settings = {
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: secretAccessKey,
    aws_session_token: sessionToken,
  };
  for (const [setting, value] of Object.entries(settings))
    if (/\s/.test(value))
      throw invalidSetting(
        { service, name: nameOf(setting) },
        "contains a line feed or a blank",
        "the key without blanks and line feeds",
      );
  return keys;
}

/** Reports a missing profile. The library would silently use other credentials instead. */
function noProfile(service: AwsService, profile: string, by: string): ShardmillError {
  return new ShardmillError(
    "STORE_REFUSED",
    `${service} cannot be used: no profile ${profile}, which ${by} names`,
    {
      fields: { variable: "AWS_CONFIG_FILE", expected: `a profile named ${profile}` },
      hint: "add the profile to ~/.aws/config or ~/.aws/credentials of this machine, or name another",
    },
  );
}
