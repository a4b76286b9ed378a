import { resolve } from "node:path";
import type { Options } from "yargs";
import type { Credential } from "../access/credential.ts";
import { secretFileOption } from "./command-parts.ts";
import { certificateOf, lacksOption, SECURITY_GROUP, securityFile } from "./listening-options.ts";

/** What stands for the CAs of the system, where a file is expected, as in PostgreSQL's `sslrootcert`. */
const SYSTEM = "system";

/**
 * Options of commands that ask a coordinator. The environment can give them, each by a name of its own. By a
 * common prefix, as yargs has it, it would give others, too: for a service called `shardmill`, Kubernetes
 * sets SHARDMILL_PORT and more in every container.
 */
export const connectingOptions = {
  "secret-file": { ...secretFileOption, group: SECURITY_GROUP },
  "token-file": securityFile(
    "File with a token that opens it, in place of the secret (or set SHARDMILL_TOKEN to the token)",
  ),
  "tls-ca": securityFile(
    "PEM file of the CA that signed the coordinator's certificate; `system`: any that this system trusts (or set SHARDMILL_TLS_CA)",
    fromEnvironment("SHARDMILL_TLS_CA"),
  ),
  "tls-cert": securityFile(
    "PEM file of the certificate to show it (or set SHARDMILL_TLS_CERT)",
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
 * What this process shows a coordinator, and how it knows it.
 *
 * @throws {SECRET_INVALID} {TOKEN_INVALID} for a secret or token that others can read
 * @throws {ARGUMENT_INVALID} for half of what TLS takes
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

/** What is named by an option goes before what the environment has, and a token before the user's secret. */
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
