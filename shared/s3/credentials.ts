import { ShardmillError } from "../core/errors.ts";
import { saidBy } from "../objects/said-by.ts";

/** With what requests are signed. Never shown nor logged, and sent to nobody but in signatures. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** @param cause is told by its message alone: what it holds may have secrets */
export function noCredentials(cause: unknown): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `there are no credentials for S3: ${saidBy(cause)}`, {
    fields: { variable: "AWS_PROFILE" },
    hint: "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role",
  });
}
