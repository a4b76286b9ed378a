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

/** Limit of an orderly close, because the brokers may be unreachable. */
const GOODBYE_MS = 5_000;

/**
 * Returns a client's connection options for an address.
 *
 * @throws {TLS_INVALID} when the TLS files cannot be used
 */
export function connectionOf({ brokers, credentials, options }: KafkaAddress): BaseOptions {
  const [, username = "", password = ""] = /^([^:]*):?(.*)$/s.exec(credentials ?? "") ?? [];
  const who = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  const mechanism = SASL[options.get("sasl") ?? ""] ?? "PLAIN";
  // The server name distinguishes brokers behind one address. RFC 6066 forbids IP addresses here.
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
 * Closes a client, which leaves its group, so that other members need not wait. If the close hangs, the
 * library keeps the connection, which would keep the process alive. So the base class closes it, too.
 */
export async function endClient(client: Consumer | Producer<string, Buffer, string, string>): Promise<void> {
  const late = new AbortController();
  const left = Promise.resolve(client.close(true)).catch(() => {});
  await Promise.race([left, sleep(GOODBYE_MS, late.signal).catch(() => {})]);
  late.abort();
  Promise.resolve(Base.prototype.close.call(client)).catch(() => {});
}
