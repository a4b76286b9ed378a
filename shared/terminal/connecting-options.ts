import { resolve } from "node:path";
import type { Options } from "yargs";
import type { Credential } from "../access/credential.ts";
import { secretFileOption } from "./command-parts.ts";
import { certificateOf, lacksOption, SECURITY_GROUP, securityFile } from "./listening-options.ts";

/** Value for the system's CAs instead of a file, as in PostgreSQL's `sslrootcert`. */
const SYSTEM = "system";

/**
 * Options of commands that call a coordinator. The environment can set them, each by its own name. A common
 * prefix, as yargs offers it, would match other variables, too. For a service called `shardmill`, Kubernetes
 * sets SHARDMILL_PORT and more in every container.
 */
export const connectingOptions = {
  "secret-file": { ...secretFileOption, group: SECURITY_GROUP },
  "token-file": securityFile(
    "File with a token for the coordinator, in place of the secret (or set SHARDMILL_TOKEN to the token)",
  ),
  "tls-ca": securityFile(
    "PEM file of the CA that signed the coordinator's certificate, or `system` for all that this system trusts (or set SHARDMILL_TLS_CA)",
    fromEnvironment("SHARDMILL_TLS_CA"),
  ),
  "tls-cert": securityFile(
    "PEM file of the client's certificate (or set SHARDMILL_TLS_CERT)",
    fromEnvironment("SHARDMILL_TLS_CERT"),
  ),
  "tls-key": securityFile(
    "PEM file of its key (or set SHARDMILL_TLS_KEY)",
    fromEnvironment("SHARDMILL_TLS_KEY"),
  ),
} as const satisfies Record<string, Options>;

export interface ConnectingArguments {
  readonly "secret-file": string | undefined;
  readonly "token-file": string | undefined;
  readonly "tls-ca": string | undefined;
  readonly "tls-cert": string | undefined;
  readonly "tls-key": string | undefined;
}

/**
 * Reads the credential that this process presents, and how it authenticates the coordinator.
 *
 * @throws {SECRET_INVALID} {TOKEN_INVALID} for a secret or token that others can read
 * @throws {ARGUMENT_INVALID} for incomplete TLS options
 */
export async function connectingOf(args: ConnectingArguments): Promise<Credential> {
  const own = certificateOf(args);
  const ca = args["tls-ca"];
  if (ca === undefined && own !== null) throw lacksOption("--tls-cert", "--tls-ca");
  const credential = await identityOf(args);
  return ca === undefined
    ? credential
    : { ...credential, tls: { ca: ca === SYSTEM ? null : resolve(ca), own } };
}

/** Reads the identity. Options override the environment, and a token overrides the user's secret. */
async function identityOf(args: ConnectingArguments): Promise<Credential> {
  const { "token-file": tokenFile, "secret-file": secretFile } = args;
  const token = process.env.SHARDMILL_TOKEN ?? "";
  if (tokenFile === undefined && (secretFile !== undefined || token === "")) {
    const { userCredential } = await import("../access/credential.ts");
    return userCredential(secretFile);
  }
  const { tokenCredential, tokenFrom } = await import("../access/token.ts");
  return tokenFile === undefined ? tokenFrom("SHARDMILL_TOKEN", token) : tokenCredential(resolve(tokenFile));
}

function fromEnvironment(name: string): Pick<Options, "default" | "defaultDescription"> {
  const value = process.env[name] ?? "";
  return { ...(value === "" ? {} : { default: value }), defaultDescription: "none" };
}
