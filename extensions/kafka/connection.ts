import { isIP } from "node:net";
import {
  Base,
  type BaseOptions,
  type Consumer,
  type Producer,
  type SASLMechanismValue,
} from "@platformatic/kafka";
import { sleep } from "../../shared/core/abort.ts";
import { tlsTo } from "../broker/tls.ts";
import type { KafkaAddress } from "./address.ts";

const SASL: Readonly<Record<string, SASLMechanismValue>> = {
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
};

/** To say goodbye to brokers that may be gone. */
const GOODBYE_MS = 5_000;

/** How a client reaches the brokers of an address. @throws {TLS_INVALID} */
export function connectionOf({ brokers, credentials, options }: KafkaAddress): BaseOptions {
  const [, username = "", password = ""] = /^([^:]*):?(.*)$/s.exec(credentials ?? "") ?? [];
  const who = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  const mechanism = SASL[options.get("sasl") ?? ""] ?? "PLAIN";
  // A name is sent, as brokers behind one address are told apart by it; an address may not be (RFC 6066).
  const tlsServerName = brokers.every((broker) => isIP(broker.replace(/:\d+$/, "")) === 0);
  return {
    clientId: "shardmill",
    bootstrapBrokers: [...brokers],
    autocreateTopics: false,
    ...(options.get("tls") === "true" ? { tls: tlsTo(options), tlsServerName } : {}),
    ...(credentials === null ? {} : { sasl: { mechanism, ...who } }),
  };
}

/**
 * Ends a client, which leaves its group, so that others need not wait. One that cannot say goodbye stays
 * connected, by the library: it would keep the process from ending.
 */
export async function endClient(client: Consumer | Producer<string, Buffer, string, string>): Promise<void> {
  const late = new AbortController();
  const left = Promise.resolve(client.close(true)).catch(() => {});
  await Promise.race([left, sleep(GOODBYE_MS, late.signal).catch(() => {})]);
  late.abort();
  Promise.resolve(Base.prototype.close.call(client)).catch(() => {});
}
