import { ShardmillError } from "../../shared/core/errors.ts";
import { saidBy } from "../object-store/said-by.ts";

/** Credentials of a caller of Azure. They are never shown or logged, except the identity. */
export type AzureCredentials = (
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "sas"; readonly sas: string }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "anonymous" }
) & {
  /** Name of the identity, for messages. */
  readonly identity: string;
  readonly expiration?: Date;
};

/** Reports a login service that does not answer. The outage is the login's, so the caller may retry later. */
export function silentProvider(seconds: number): ShardmillError {
  const { AZURE_AUTHORITY_HOST: host } = process.env;
  const requested = host && URL.canParse(host) ? `Azure's login at ${new URL(host).host}` : "Azure's login";
  const message = `there are no credentials for Azure Storage: ${requested} has not answered for ${seconds} s`;
  return new ShardmillError("STORE_REFUSED", message, {
    fields: { variable: "AZURE_AUTHORITY_HOST", provider: requested, throttled: false },
    hint: "check that this machine can reach its credentials provider, or configure another",
  });
}

/** @param cause only its message is reported, because the error itself may hold secrets */
export function noCredentials(cause: unknown): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `there are no credentials for Azure Storage: ${saidBy(cause)}`, {
    fields: { variable: "AZURE_STORAGE_KEY" },
    hint: "set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN. Or give this machine an identity, run `az login`, or set AZURE_SKIP_SIGNATURE=true for public containers",
  });
}
