import { readFile } from "node:fs/promises";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { loadSharedConfigFiles } from "@smithy/core/config";
import { messageOf } from "../core/errors.ts";
import { CredentialCache, type CredentialProvider } from "../objects/credential-cache.ts";
import { noCredentials, type S3Credentials } from "./credentials.ts";
import { S3Client } from "./s3-client.ts";
import { type Environment, invalidSetting, type S3Settings, s3SettingsOf } from "./settings.ts";

/**
 * A client by the settings and the credentials that AWS's own programs would take, as the vendor's libraries
 * find them.
 *
 * @throws {STORE_REFUSED} when the settings cannot be used
 */
export async function openS3Client(): Promise<S3Client> {
  const settings = await loadSettings(process.env);
  return new S3Client({ settings, credentials: new CredentialCache(provideByConvention()) });
}

/** Of the environment, then of the profile in the shared configuration files. */
async function loadSettings(env: Environment): Promise<S3Settings> {
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  const profile = env.AWS_PROFILE ?? "default";
  const settings = s3SettingsOf(env, { ...credentialsFile[profile], ...configFile[profile] });
  const bundle = env.AWS_CA_BUNDLE;
  if (!bundle) return settings;
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
function provideByConvention(): CredentialProvider<S3Credentials> {
  // That its next versions want another Node is for those who build this program to know.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  const provide = defaultProvider();
  return async (options) => {
    try {
      return await provide(options);
    } catch (cause) {
      throw noCredentials(cause);
    }
  };
}
