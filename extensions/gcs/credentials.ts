import { ShardmillError } from "../../shared/core/errors.ts";
import { saidBy } from "../object-store/said-by.ts";

/** By what the store knows who asks. Never shown nor logged, but for the identity. */
export interface GcsCredentials {
  /** `authorization`, and the project that pays where there is one. */
  readonly headers: Readonly<Record<string, string>>;
  /** Who it is, for people: `service account a@b.iam.gserviceaccount.com`. */
  readonly identity: string;
  readonly expiration?: Date;
}

export const ANONYMOUS: GcsCredentials = { headers: {}, identity: "nobody (without credentials)" };

/** @param asked the source that does not answer: it is asked again later */
export function silentProvider(asked: string, seconds: number): ShardmillError {
  const message = `there are no credentials for Google Cloud Storage: ${asked} is silent for ${seconds} s`;
  return new ShardmillError("STORE_REFUSED", message, {
    fields: { variable: "GOOGLE_APPLICATION_CREDENTIALS", provider: asked, throttled: false },
    hint: "check that this machine reaches what gives it credentials, or give it others",
  });
}

/** @param cause is told by its message alone: the requests that errors of the library hold have secrets */
export function noCredentials(cause: unknown): ShardmillError {
  return new ShardmillError(
    "STORE_REFUSED",
    `there are no credentials for Google Cloud Storage: ${saidBy(cause)}`,
    {
      fields: { variable: "GOOGLE_APPLICATION_CREDENTIALS" },
      hint:
        "set GOOGLE_APPLICATION_CREDENTIALS to a file of credentials, log in by `gcloud auth application-default login`, give " +
        "this machine a service account, or set GOOGLE_SKIP_SIGNATURE=true for public buckets",
    },
  );
}
