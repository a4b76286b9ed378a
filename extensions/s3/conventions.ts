import type { StoreSettings } from "../../shared/domain/job-stores.ts";
import { takenBefore } from "../../shared/storage/taken-before.ts";
import { provideByConvention, readCa, readProfile } from "../aws/conventions.ts";
import type { Environment } from "../aws/settings.ts";
import { CredentialCache } from "../object-store/credential-cache.ts";
import { S3Client } from "./s3-client.ts";
import { type S3Settings, s3SettingsOf } from "./settings.ts";

/**
 * Opens a client by the job's settings, else by the settings and credentials of AWS's own tools. The AWS
 * libraries find these.
 *
 * @throws {STORE_REFUSED} when the settings cannot be used
 */
export async function openS3Client(own: StoreSettings, isGuarded = false): Promise<S3Client> {
  const found = await loadSettings(process.env, own);
  // An endpoint in the environment is the operator's choice, so it is trusted.
  const settings = { ...found, isGuarded: isGuarded && own.endpoint !== undefined };
  const credentials =
    own.anonymous === true
      ? null
      : new CredentialCache(provideByConvention("S3", own.profile), {
          taken: takenBefore(["s3", settings, own.profile]),
        });
  return new S3Client({ settings, credentials });
}

/**
 * Loads the settings of the job, then of the environment, then of the profile, in botocore's order.
 *
 * @throws {STORE_REFUSED} when the settings cannot be used
 */
export async function loadSettings(env: Environment, own: StoreSettings): Promise<S3Settings> {
  const profile = await readProfile("S3", env, own.profile);
  const s3 = { s3_endpoint_url: profile.services["s3.endpoint_url"] };
  const settings = s3SettingsOf(env, { ...profile.settings, ...s3 }, own);
  return settings.ca === null ? { ...settings, ca: await readCa("S3", env, profile.settings) } : settings;
}
