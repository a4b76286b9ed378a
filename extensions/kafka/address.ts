import {
  type BrokerOptions,
  decoded,
  type KnownOptions,
  needTls,
  parseOptions,
  TLS_FILES,
} from "../broker/address-options.ts";

/** Address of a Kafka topic. */
export interface KafkaAddress {
  /** `host:port` of each broker. */
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Credentials as `user:secret`. Null: none. */
  readonly credentials: string | null;
  readonly options: BrokerOptions;
  /** Address without credentials, for messages. */
  readonly shown: string;
}

const KNOWN: KnownOptions = {
  ...TLS_FILES,
  group: /^\S{1,249}$/,
  tls: /^(true|false)$/,
  sasl: /^(plain|scram-sha-256|scram-sha-512)$/,
};

/** Parses an address. Null: not a Kafka address. */
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
