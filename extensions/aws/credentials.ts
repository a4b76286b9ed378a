import { ShardmillError } from "../../shared/core/errors.ts";
import { saidBy } from "../object-store/said-by.ts";
import type { AwsService } from "./settings.ts";

/** Keys that sign requests. They are never shown or logged, and leave the process in signatures alone. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/**
 * Reports a credentials provider that does not answer. The outage is the provider's, so the caller may retry
 * later.
 */
export function silentProvider(service: AwsService, requested: string, seconds: number): ShardmillError {
  const message = `there are no credentials for ${service}: ${requested} has not answered for ${seconds} s`;
  return new ShardmillError("STORE_REFUSED", message, {
    fields: { variable: "AWS_PROFILE", provider: requested, throttled: false },
    hint: "check that this machine can reach its credentials provider, or configure another",
  });
}

/** @param cause only its message is reported, because the error itself may hold secrets */
export function noCredentials(service: AwsService, cause: unknown): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `there are no credentials for ${service}: ${saidBy(cause)}`, {
    fields: { variable: "AWS_PROFILE" },
    hint: "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role",
  });
}
