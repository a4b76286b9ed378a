import type { BaseOptions, SASLMechanismValue } from "@platformatic/kafka";
import { messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import type { QueueAddress } from "../../../shared/domain/queue-address.ts";

export type KafkaAddress = Extract<QueueAddress, { kind: "kafka" }>;

const SASL: Readonly<Record<string, SASLMechanismValue>> = {
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
};

/** How a client reaches the brokers of an address. */
export function connectionOf({ brokers, credentials, options }: KafkaAddress): BaseOptions {
  const [username = "", password = ""] = (credentials ?? "").split(":").map(decodeURIComponent);
  const mechanism = SASL[options.get("sasl") ?? ""] ?? "PLAIN";
  return {
    clientId: "shardmill",
    bootstrapBrokers: [...brokers],
    autocreateTopics: false,
    ...(options.get("tls") === "true" ? { tls: {} } : {}),
    ...(credentials === null ? {} : { sasl: { mechanism, username, password } }),
  };
}

/** What a broker says of what is not there, or is not for us: that does not mend itself. */
const REFUSALS = [
  "UNKNOWN_TOPIC_OR_PARTITION",
  "INVALID_TOPIC_EXCEPTION",
  "TOPIC_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "SASL_AUTHENTICATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
];

interface Searched {
  findBy?(property: string, value: unknown): unknown;
}

export function isRefusal(error: unknown): boolean {
  const { findBy } = (error ?? {}) as Searched;
  if (typeof findBy !== "function") return false;
  const find = (property: string, value: string) => findBy.call(error, property, value);
  // What brokers do not know, the library says in its own words.
  if (/^Unknown topic/.test(messageOf(find("code", "PLT_KFK_USER") ?? ""))) return true;
  return [find("code", "PLT_KFK_AUTHENTICATION"), ...REFUSALS.map((name) => find("apiId", name))].some(
    (found) => found !== null,
  );
}

export function kafkaFailed({ shown }: KafkaAddress, cause: unknown): ShardmillError {
  return new ShardmillError("QUEUE_FAILED", `the topic cannot be used: ${causesOf(cause).join(": ")}`, {
    fields: { queue: shown },
    hint: "topics are not made by Shardmill: make it first, and let the user of the address read it with its group (of one that is sent to: write it)",
    cause,
  });
}

/** The library says what a broker said some causes further down. */
function causesOf(error: unknown): string[] {
  const { cause, errors } = (error ?? {}) as {
    readonly cause?: unknown;
    readonly errors?: readonly unknown[];
  };
  const next = cause ?? errors?.[0];
  return [messageOf(error), ...(next === undefined ? [] : causesOf(next))];
}
