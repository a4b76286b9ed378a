/** Where messages are, by what speaks there. */
export type QueueAddress = AmqpAddress | SqsAddress | KafkaAddress;

/** What stands behind `?`, by name. */
export type BrokerOptions = ReadonlyMap<string, string>;

interface AmqpAddress {
  readonly kind: "amqp";
  /** With its credentials, and without the queue: `amqps://user:secret@host/vhost?heartbeat=30`. */
  readonly server: string;
  readonly isEncrypted: boolean;
  /** Whom its certificate has to be for. */
  readonly host: string;
  readonly queue: string;
  readonly options: BrokerOptions;
  /** For people: without credentials. */
  readonly shown: string;
}

interface SqsAddress {
  readonly kind: "sqs";
  readonly url: string;
  readonly queue: string;
  readonly shown: string;
}

interface KafkaAddress {
  readonly kind: "kafka";
  /** `host:port` of each. */
  readonly brokers: readonly string[];
  readonly topic: string;
  /** As `user:secret`; null for none. */
  readonly credentials: string | null;
  readonly options: BrokerOptions;
  readonly shown: string;
}

/** What a queue's address may look like. */
export const QUEUE_FORMS =
  "`amqps://USER:PASSWORD@HOST/VHOST/QUEUE`, `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`, or `kafka://HOST:PORT,HOST:PORT/TOPIC`";

/** The parts of an address of a queue; null for what is none. */
export function parseQueueAddress(text: string): QueueAddress | null {
  if (/^amqps?:\/\//.test(text)) return parseAmqp(text);
  if (/^https?:\/\//.test(text)) return parseSqs(text);
  return text.startsWith("kafka://") ? parseKafka(text) : null;
}

/**
 * Another queue where this one is: `name` may be an address of its own, or the name of a queue on the same
 * broker. Null where it is neither.
 */
export function queueBeside(text: string, name: string): string | null {
  if (parseQueueAddress(name) !== null) return name;
  if (/[/?#\s]/.test(name)) return null;
  const [, before, behind = ""] = /^([^?]*\/)[^/?]+(\?.*)?$/.exec(text) ?? [];
  const beside = before === undefined ? null : `${before}${encodeURIComponent(name)}${behind}`;
  return beside !== null && parseQueueAddress(beside) !== null ? beside : null;
}

/** With a virtual host that has no name of its own, `//` stands before the queue: `/` is called `%2f`. */
function parseAmqp(text: string): QueueAddress | null {
  const url = parseUrl(text);
  const [, vhost, name] = /^\/([^/]*)\/([^/]+)$/.exec(url?.pathname ?? "") ?? [];
  const queue = decoded(name);
  if (url === null || vhost === undefined || queue === null || url.hostname === "") return null;
  const options = optionsOf(AMQP_OPTIONS, url.search);
  const isEncrypted = url.protocol === "amqps:";
  if (options === null || (!isEncrypted && OF_TLS.some((name) => options.has(name)))) return null;
  const user = url.username === "" ? "" : `${url.username}:${url.password}@`;
  const server = `${url.protocol}//${user}${url.host}/${vhost === "" ? "%2f" : vhost}${url.search}`;
  const host = options.get("server_name_indication") ?? url.hostname;
  const shown = `${url.protocol}//${url.host}/${vhost}/${name}`;
  return { kind: "amqp", server, isEncrypted, host, queue, options, shown };
}

function parseSqs(text: string): QueueAddress | null {
  const url = parseUrl(text);
  const [, queue] = /\/[^/]+\/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)$/.exec(url?.pathname ?? "") ?? [];
  if (url === null || queue === undefined || url.username !== "" || url.search !== "") return null;
  return { kind: "sqs", url: text, queue, shown: `${url.origin}${url.pathname}` };
}

/** What may stand behind `?`, and what that may be. */
type KnownOptions = Readonly<Record<string, RegExp>>;

/** Files by which broker and client know each other, as RabbitMQ names them in its addresses. */
const TLS_FILES = { cacertfile: /^\//, certfile: /^\//, keyfile: /^\// };
const AMQP_OPTIONS: KnownOptions = {
  ...TLS_FILES,
  server_name_indication: /^[A-Za-z0-9._-]+$/,
  // Whom nobody looks at may be anybody.
  verify: /^verify_peer$/,
  heartbeat: /^\d{1,4}$/,
  connection_timeout: /^\d{1,6}$/,
  channel_max: /^\d{1,5}$/,
};
const KAFKA_OPTIONS: KnownOptions = {
  ...TLS_FILES,
  group: /^\S{1,249}$/,
  tls: /^(true|false)$/,
  sasl: /^(plain|scram-sha-256|scram-sha-512)$/,
};
/** Without TLS they would do nothing. */
const OF_TLS = [...Object.keys(TLS_FILES), "server_name_indication", "verify"];

/** Null where one is not known, is none of its kind, or lacks the other half of it. */
function optionsOf(known: KnownOptions, query: string): BrokerOptions | null {
  const options = new Map(new URLSearchParams(query));
  if ([...options].some(([name, value]) => known[name]?.test(value) !== true)) return null;
  return options.has("certfile") === options.has("keyfile") ? options : null;
}

function parseKafka(text: string): QueueAddress | null {
  const [, credentials = null, hosts, topic, query = ""] =
    /^kafka:\/\/(?:([^@/]+)@)?([^/?#@]+)\/([A-Za-z0-9._-]{1,249})(?:\?([^#]*))?$/.exec(text) ?? [];
  if (hosts === undefined || topic === undefined) return null;
  if (credentials !== null && decoded(credentials) === null) return null;
  const brokers = hosts.split(",").map((host) => (/:\d+$/.test(host) ? host : `${host}:9092`));
  const options = optionsOf(KAFKA_OPTIONS, query);
  if (options === null || (credentials === null && options.has("sasl"))) return null;
  if (options.get("tls") !== "true" && OF_TLS.some((name) => options.has(name))) return null;
  return { kind: "kafka", brokers, topic, credentials, options, shown: `kafka://${hosts}/${topic}` };
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function decoded(name: string | undefined): string | null {
  try {
    return name === undefined ? null : decodeURIComponent(name);
  } catch {
    return null;
  }
}
