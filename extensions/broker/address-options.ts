/** Options that an address has behind `?`, by name. */
export type BrokerOptions = ReadonlyMap<string, string>;

/** Forms of the options that an address may have, by name. */
export type KnownOptions = Readonly<Record<string, RegExp>>;

/** Files by which broker and client know each other, as RabbitMQ names them in its addresses. */
export const TLS_FILES = { cacertfile: /^\//, certfile: /^\//, keyfile: /^\// };

const OF_TLS = [...Object.keys(TLS_FILES), "server_name_indication", "verify"];

/** Returns whether there are options that do nothing without TLS. */
export function needTls(options: BrokerOptions): boolean {
  return OF_TLS.some((name) => options.has(name));
}

/** Parses a query. Null: an option is not known, has another form, or lacks the other half of it. */
export function parseOptions(known: KnownOptions, query: string): BrokerOptions | null {
  const options = new Map(new URLSearchParams(query));
  if ([...options].some(([name, value]) => known[name]?.test(value) !== true)) return null;
  return options.has("certfile") === options.has("keyfile") ? options : null;
}

/** Decodes a name. Null: it cannot be decoded. */
export function decoded(name: string): string | null {
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}
