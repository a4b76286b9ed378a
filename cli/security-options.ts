import { resolve } from "node:path";
import type { Options } from "yargs";
import type { Guard } from "../coordinator/access/judge.ts";
import type { Credential } from "../shared/access/credential.ts";
import { ShardmillError } from "../shared/core/errors.ts";
import type { Listening } from "../shared/serving/listening.ts";
import { jsonOption } from "../shared/terminal/command-parts.ts";
import { coordinatorOption, secretFileOption } from "./options.ts";

/** How a command that listens is reached, and how one that asks reaches it. */

const GROUP = "Security:";

function file(describe: string, extra: Pick<Options, "default" | "defaultDescription"> = {}) {
  return { type: "string", requiresArg: true, group: GROUP, describe, ...extra } as const;
}

/** Of whoever lets others in by tokens, and whoever makes them. */
export const tokensFileOption = {
  type: "string",
  requiresArg: true,
  defaultDescription: "~/.config/shardmill/tokens",
  describe: "The file of the tokens that let others in (or set SHARDMILL_TOKENS_FILE)",
} as const satisfies Options;

/** Of whoever listens. */
export const listeningOptions = {
  "tls-cert": file("PEM file of the certificate to show: connections are by TLS alone"),
  "tls-key": file("PEM file of its key"),
  "tokens-file": { ...tokensFileOption, group: GROUP },
  "audit-log": file("File for who submitted, cancelled, paused, joined, was refused: a line of JSON each", {
    defaultDescription: "the log",
  }),
  "tls-client-ca": file("PEM file of CAs: only clients whose certificate one of them signed are answered"),
  insecure: {
    type: "boolean",
    default: false,
    group: GROUP,
    describe: "Listen beyond this machine without TLS: whoever is on the network can read secret and data",
  },
} as const satisfies Record<string, Options>;

export interface ListeningArguments {
  readonly "tls-cert": string | undefined;
  readonly "tls-key": string | undefined;
  readonly "tls-client-ca": string | undefined;
  readonly "tokens-file": string | undefined;
  readonly "audit-log": string | undefined;
  readonly insecure: boolean;
}

/** @throws {ARGUMENT_INVALID} for half of what TLS takes */
export function listeningOf(args: ListeningArguments): Listening {
  const own = pairOf(args);
  const ca = args["tls-client-ca"];
  if (own === null && ca !== undefined) throw lacks("--tls-client-ca", "--tls-cert and --tls-key");
  const tls = own === null ? null : { own, clientCa: ca === undefined ? null : resolve(ca) };
  return { tls, insecure: args.insecure };
}

/** Whom a command that listens lets in beside its user, and where it is kept what they did. */
export async function othersOf(args: ListeningArguments): Promise<Pick<Guard, "tokensPath" | "auditPath">> {
  const { tokensPath } = await import("../coordinator/access/tokens-file.ts");
  const audit = args["audit-log"];
  return {
    tokensPath: tokensPath(args["tokens-file"]),
    auditPath: audit === undefined ? null : resolve(audit),
  };
}

/** What stands for the CAs of the system, where a file is expected, as in PostgreSQL's `sslrootcert`. */
const SYSTEM = "system";

/** Of whoever asks: by name from the environment, for the reason that `coordinatorOption` gives. */
export const connectingOptions = {
  "secret-file": { ...secretFileOption, group: GROUP },
  "token-file": file(
    "File with a token that opens it, in place of the secret (or set SHARDMILL_TOKEN to the token)",
  ),
  "tls-ca": file(
    "PEM file of the CA that signed the coordinator's certificate; `system`: any that this system trusts (or set SHARDMILL_TLS_CA)",
    fromEnvironment("SHARDMILL_TLS_CA"),
  ),
  "tls-cert": file(
    "PEM file of the certificate to show it (or set SHARDMILL_TLS_CERT)",
    fromEnvironment("SHARDMILL_TLS_CERT"),
  ),
  "tls-key": file("PEM file of its key (or set SHARDMILL_TLS_KEY)", fromEnvironment("SHARDMILL_TLS_KEY")),
} as const satisfies Record<string, Options>;

/** Of every command that asks a coordinator and prints what it says. */
export const clientOptions = {
  coordinator: coordinatorOption,
  ...connectingOptions,
  json: jsonOption,
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
  const own = pairOf(args);
  const ca = args["tls-ca"];
  if (ca === undefined && own !== null) throw lacks("--tls-cert", "--tls-ca");
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
    const { userCredential } = await import("../shared/access/credential.ts");
    return userCredential(secretFile);
  }
  const { tokenCredential, tokenFrom } = await import("../shared/access/token.ts");
  return tokenFile === undefined ? tokenFrom("SHARDMILL_TOKEN", token) : tokenCredential(resolve(tokenFile));
}

function fromEnvironment(name: string): Pick<Options, "default" | "defaultDescription"> {
  const value = process.env[name] ?? "";
  return { ...(value === "" ? {} : { default: value }), defaultDescription: "none" };
}

function pairOf(args: { readonly "tls-cert": string | undefined; readonly "tls-key": string | undefined }) {
  const { "tls-cert": cert, "tls-key": key } = args;
  if (cert === undefined && key === undefined) return null;
  if (key === undefined) throw lacks("--tls-cert", "--tls-key");
  if (cert === undefined) throw lacks("--tls-key", "--tls-cert");
  return { cert: resolve(cert), key: resolve(key) };
}

function lacks(option: string, other: string): ShardmillError {
  return new ShardmillError("ARGUMENT_INVALID", `${option} needs ${other} beside it`, { fields: { option } });
}
