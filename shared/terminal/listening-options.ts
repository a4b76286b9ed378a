import { resolve } from "node:path";
import type { Options } from "yargs";
import { ShardmillError } from "../core/errors.ts";
import type { Listening } from "../serving/listening.ts";

/** Heading of these options in the help. */
export const SECURITY_GROUP = "Security:";

/** Makes an option that takes a file. */
export function securityFile(describe: string, extra: Pick<Options, "default" | "defaultDescription"> = {}) {
  return { type: "string", requiresArg: true, group: SECURITY_GROUP, describe, ...extra } as const;
}

/** Option of commands that authenticate callers by tokens, or make tokens. */
export const tokensFileOption = {
  type: "string",
  requiresArg: true,
  defaultDescription: "~/.config/shardmill/tokens",
  describe: "File of the tokens that authenticate callers (or set SHARDMILL_TOKENS_FILE)",
} as const satisfies Options;

/** Options of commands that listen. */
export const listeningOptions = {
  "tls-cert": securityFile("PEM file of the server's certificate: all connections then use TLS"),
  "tls-key": securityFile("PEM file of its key"),
  "tokens-file": { ...tokensFileOption, group: SECURITY_GROUP },
  "audit-log": securityFile(
    "File for the audit log of submissions, cancels, pauses, joins and refusals, as JSON lines",
    { defaultDescription: "the log" },
  ),
  "tls-client-ca": securityFile(
    "PEM file of CAs: only clients with a certificate of one of them are accepted",
  ),
  insecure: {
    type: "boolean",
    default: false,
    group: SECURITY_GROUP,
    describe: "Listen beyond this machine without TLS: everyone on the network can read secret and data",
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

/** Reads how a command listens. @throws {ARGUMENT_INVALID} for incomplete TLS options */
export function listeningOf(args: ListeningArguments): Listening {
  const own = certificateOf(args);
  const ca = args["tls-client-ca"];
  if (own === null && ca !== undefined) throw lacksOption("--tls-client-ca", "--tls-cert and --tls-key");
  const tls = own === null ? null : { own, clientCa: ca === undefined ? null : resolve(ca) };
  return { tls, insecure: args.insecure };
}

interface OtherCallers {
  readonly tokensPath: string;
  /** Path of the audit log. Null: the log. */
  readonly auditPath: string | null;
}

/** Reads the paths of the tokens file and the audit log. */
export async function othersOf(args: ListeningArguments): Promise<OtherCallers> {
  const { tokensPath } = await import("../access/credential.ts");
  const audit = args["audit-log"];
  return {
    tokensPath: tokensPath(args["tokens-file"]),
    auditPath: audit === undefined ? null : resolve(audit),
  };
}

/** Reads the certificate and key of this process. Null: it has none. */
export function certificateOf(args: Pick<ListeningArguments, "tls-cert" | "tls-key">) {
  const { "tls-cert": cert, "tls-key": key } = args;
  if (cert === undefined && key === undefined) return null;
  if (key === undefined) throw lacksOption("--tls-cert", "--tls-key");
  if (cert === undefined) throw lacksOption("--tls-key", "--tls-cert");
  return { cert: resolve(cert), key: resolve(key) };
}

/** Makes the error for an option that needs another. */
export function lacksOption(option: string, other: string): ShardmillError {
  return new ShardmillError("ARGUMENT_INVALID", `${option} needs ${other}`, { fields: { option } });
}
