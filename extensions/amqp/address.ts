import {
  type BrokerOptions,
  decoded,
  type KnownOptions,
  needTls,
  parseOptions,
  TLS_FILES,
} from "../broker/address-options.ts";

/** Address of a queue of RabbitMQ. */
export interface AmqpAddress {
  /** Broker with credentials, without the queue: `amqps://user:secret@host/vhost?heartbeat=30`. */
  readonly server: string;
  readonly isEncrypted: boolean;
  /** Name that the certificate must be for. */
  readonly host: string;
  readonly queue: string;
  readonly options: BrokerOptions;
  /** For people: without credentials. */
  readonly shown: string;
}

const KNOWN: KnownOptions = {
  ...TLS_FILES,
  server_name_indication: /^[A-Za-z0-9._-]+$/,
  // Whom nobody looks at may be anybody.
  verify: /^verify_peer$/,
  heartbeat: /^\d{1,4}$/,
  connection_timeout: /^\d{1,6}$/,
  channel_max: /^\d{1,5}$/,
};

/**
 * Parses an address. Null: it is none of RabbitMQ. With a virtual host that has no name of its own, `//`
 * stands before the queue: `/` is called `%2f`.
 */
export function parseAmqp(text: string): AmqpAddress | null {
  if (!/^amqps?:\/\//.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  const [, vhost, name] = /^\/([^/]*)\/([^/]+)$/.exec(url.pathname) ?? [];
  if (vhost === undefined || name === undefined || url.hostname === "") return null;
  const queue = decoded(name);
  const options = parseOptions(KNOWN, url.search);
  const isEncrypted = url.protocol === "amqps:";
  if (queue === null || options === null || (!isEncrypted && needTls(options))) return null;
  const user = url.username === "" ? "" : `${url.username}:${url.password}@`;
  const server = `${url.protocol}//${user}${url.host}/${vhost === "" ? "%2f" : vhost}${url.search}`;
  const host = options.get("server_name_indication") ?? url.hostname;
  return {
    server,
    isEncrypted,
    host,
    queue,
    options,
    shown: `${url.protocol}//${url.host}/${vhost}/${name}`,
  };
}
