import {
  type BrokerOptions,
  decoded,
  type KnownOptions,
  needTls,
  parseOptions,
  TLS_FILES,
} from "../broker/address-options.ts";

/** Address of a topic of Kafka. */
export interface KafkaAddress {
  /** `host:port` of each. */
  readonly brokers: readonly string[];
  readonly topic: string;
  /** As `user:secret`; null for none. */
  readonly credentials: string | null;
  readonly options: BrokerOptions;
  /** For people: without credentials. */
  readonly shown: string;
}

const KNOWN: KnownOptions = {
  ...TLS_FILES,
  group: /^\S{1,249}$/,
  tls: /^(true|false)$/,
  sasl: /^(plain|scram-sha-256|scram-sha-512)$/,
};

/** Parses an address. Null: it is none of Kafka. */
export function parseKafka(text: string): KafkaAddress | null {
  const [, credentials = null, hosts, topic, query = ""] =
    /^kafka:\/\/(?:([^@/]+)@)?([^/?#@]+)\/([A-Za-z0-9._-]{1,249})(?:\?([^#]*))?$/.exec(text) ?? [];
  if (hosts === undefined || topic === undefined) return null;
  if (credentials !== null && decoded(credentials) === null) return null;
  const brokers = hosts.split(",").map((host) => (/:\d+$/.test(host) ? host : `${host}:9092`));
  const options = parseOptions(KNOWN, query);
  if (options === null || (credentials === null && options.has("sasl"))) return null;
  if (options.get("tls") !== "true" && needTls(options)) return null;
  return { brokers, topic, credentials, options, shown: `kafka://${hosts}/${topic}` };
}
