import {
  type BrokerOptions,
  decoded,
  type KnownOptions,
  needTls,
  parseOptions,
  TLS_FILES,
} from "../broker/address-options.ts";

/** Address of a RabbitMQ queue. */
export interface AmqpAddress {
  /** Broker URL with credentials, without the queue: `amqps://user:secret@host/vhost?heartbeat=30`. */
  readonly server: string;
  readonly isEncrypted: boolean;
  /** Name that the broker's certificate must have. */
  readonly host: string;
  readonly queue: string;
  readonly options: BrokerOptions;
  /** Address without credentials, for messages. */
  readonly shown: string;
}

const KNOWN: KnownOptions = {
  ...TLS_FILES,
  server_name_indication: /^[A-Za-z0-9._-]+$/,
  // `verify_none` is unsupported: it would accept any server.
  verify: /^verify_peer$/,
  heartbeat: /^\d{1,4}$/,
  connection_timeout: /^\d{1,6}$/,
  channel_max: /^\d{1,5}$/,
};

/**
 * Parses an address. Null: not a RabbitMQ address. `//` before the queue means the default virtual host `/`,
 * whose encoded name is `%2f`.
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
