import { ShardmillError } from "../../shared/core/errors.ts";
import { saidBy } from "../object-store/said-by.ts";

/** Credentials of a caller of Google Cloud Storage. They are never shown or logged, except the identity. */
export interface GcsCredentials {
  /** `authorization` header, and a header for the billed project if there is one. */
  readonly headers: Readonly<Record<string, string>>;
  /** Name of the identity for messages, such as `service account a@b.iam.gserviceaccount.com`. */
  readonly identity: string;
  readonly expiration?: Date;
}

export const ANONYMOUS: GcsCredentials = { headers: {}, identity: "an anonymous caller" };

/** @param requested source that does not answer, which the caller may ask again later */
export function silentProvider(requested: string, seconds: number): ShardmillError {
  const message = `there are no credentials for Google Cloud Storage: ${requested} has not answered for ${seconds} s`;
  return new ShardmillError("STORE_REFUSED", message, {
    fields: { variable: "GOOGLE_APPLICATION_CREDENTIALS", provider: requested, throttled: false },
    hint: "check that this machine can reach its credentials provider, or configure another",
  });
}

/** @param cause only its message is reported, because library errors hold requests with secrets */
export function noCredentials(cause: unknown): ShardmillError {
  return new ShardmillError(
    "STORE_REFUSED",
    `there are no credentials for Google Cloud Storage: ${saidBy(cause)}`,
    {
      fields: { variable: "GOOGLE_APPLICATION_CREDENTIALS" },
      hint: "set GOOGLE_APPLICATION_CREDENTIALS to a credentials file, run `gcloud auth application-default login`, give this machine a service account, or set GOOGLE_SKIP_SIGNATURE=true for public buckets",
    },
  );
}
