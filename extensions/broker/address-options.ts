/** Options of an address, after `?`, by name. */
export type BrokerOptions = ReadonlyMap<string, string>;

/** Forms of the options that an address may have, by name. */
export type KnownOptions = Readonly<Record<string, RegExp>>;

/** Files of mutual TLS, by RabbitMQ's names for them in addresses. */
export const TLS_FILES = { cacertfile: /^\//, certfile: /^\//, keyfile: /^\// };

const OF_TLS = [...Object.keys(TLS_FILES), "server_name_indication", "verify"];

/** Returns true when an option requires TLS. */
export function needTls(options: BrokerOptions): boolean {
  return OF_TLS.some((name) => options.has(name));
}

/** Parses a query. Null: an option is unknown or malformed, or lacks its counterpart. */
export function parseOptions(known: KnownOptions, query: string): BrokerOptions | null {
  const options = new Map(new URLSearchParams(query));
  if ([...options].some(([name, value]) => known[name]?.test(value) !== true)) return null;
  return options.has("certfile") === options.has("keyfile") ? options : null;
}

/** Decodes a name. Null: invalid encoding. */
export function decoded(name: string): string | null {
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}
