import { ShardmillError } from "../../shared/core/errors.ts";
import { saidBy } from "../object-store/said-by.ts";
import type { AwsService } from "./settings.ts";

/** With what requests are signed. Never shown nor logged, and sent to nobody but in signatures. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** A source of credentials that does not answer says nothing of the store: it is asked again later. */
export function silentProvider(service: AwsService, asked: string, seconds: number): ShardmillError {
  const message = `there are no credentials for ${service}: ${asked} is silent for ${seconds} s`;
  return new ShardmillError("STORE_REFUSED", message, {
    fields: { variable: "AWS_PROFILE", provider: asked, throttled: false },
    hint: "check that this machine reaches what gives it credentials, or give it others",
  });
}

/** @param cause is told by its message alone: what it holds may have secrets */
export function noCredentials(service: AwsService, cause: unknown): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `there are no credentials for ${service}: ${saidBy(cause)}`, {
    fields: { variable: "AWS_PROFILE" },
    hint: "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role",
  });
}
