import { ShardmillError } from "../../shared/core/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** AWS services with the same settings and credentials, by their names in messages. */
export type AwsService = "S3" | "SQS";

/** Region of a request that names none. */
const DEFAULT_REGION = "us-east-1";

/** Returns the environment's region, else the profile's, else `us-east-1`. */
export function regionOf(env: Environment, profile: Environment): string {
  return env.AWS_REGION || env.AWS_DEFAULT_REGION || profile.region || DEFAULT_REGION;
}

/** @throws {STORE_REFUSED} when AWS cannot have such a region */
export function checkRegion(service: AwsService, region: string): void {
  if (/^[a-z0-9-]+$/i.test(region)) return;
  throw invalidSetting(
    { service, name: "AWS_REGION" },
    "is not an AWS region",
    "a region such as eu-central-1",
  );
}

export function invalidSetting(
  { service, name }: { readonly service: AwsService; readonly name: string },
  what: string,
  expected: string,
  cause?: unknown,
): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `${service} cannot be used: ${name} ${what}`, {
    fields: { variable: name, expected },
    hint: `set ${name} to ${expected}, or unset it`,
    ...(cause === undefined ? {} : { cause }),
  });
}
