import { ShardmillError } from "../core/errors.ts";

export interface Address {
  /** Name or IP address. IPv6 has no brackets. */
  readonly host: string;
  readonly port: number;
}

const MAX_PORT = 65_535;

/**
 * Parses `host:port` or `[ipv6]:port`. Port 0 means any free port, and is valid only for listening.
 *
 * @param option option that the address was given by, for the error
 * @throws {ARGUMENT_INVALID} when the text has another form
 */
export function parseAddress(
  text: string,
  use: "connect" | "listen",
  option = use === "listen" ? "--listen" : "--coordinator",
): Address {
  const match = /^(?:\[(?<ipv6>[0-9a-fA-F:.%\w]+)\]|(?<name>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/.exec(text);
  const host = match?.groups?.ipv6 ?? match?.groups?.name;
  const port = Number(match?.groups?.port);
  const lowest = use === "listen" ? 0 : 1;
  if (host === undefined || !(port >= lowest && port <= MAX_PORT)) {
    throw new ShardmillError("ARGUMENT_INVALID", `\`${text}\` is not an address`, {
      fields: { address: text },
      problems: [
        {
          where: option,
          what: "not HOST:PORT",
          expected: `a host, a colon and a port from ${lowest} to ${MAX_PORT}`,
          found: text,
        },
      ],
      hint:
        use === "listen" ? "write 127.0.0.1:7433, or 0.0.0.0:7433 for every network" : "write localhost:7433",
    });
  }
  return { host, port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Checks whether a host is a loopback address, which other machines cannot reach. */
export function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(host) ||
    /^(0{0,4}:){2,7}0{0,3}1$/.test(host)
  );
}

/** @throws {ARGUMENT_INVALID} when `text` is not an address of a coordinator */
export function checkAddress(text: string): void {
  parseAddress(text, "connect");
}
