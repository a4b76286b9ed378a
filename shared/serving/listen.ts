import { lookup } from "node:dns/promises";
import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import type { Address } from "../wire/address.ts";

/**
 * Connections that may wait to be accepted. The kernel limits them to `net.core.somaxconn`. Node's default is
 * 511. When a whole fleet connects at once, the system drops the rest.
 */
const BACKLOG = 4_096;

/** Listens, and returns the real port. @throws errors of the system */
export async function listenOn(server: Server, { host, port }: Address): Promise<number> {
  server.listen({ host, port, backlog: BACKLOG });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/**
 * Listens on all addresses of a name, with a server for each, on the same port. One success is enough:
 * `localhost` often has two addresses, and a machine only one of them.
 *
 * @returns the real port, and the servers that listen
 * @throws the system's error for the first address
 */
export async function listenOnAll(
  makeServer: () => Server,
  place: Address,
): Promise<{ readonly port: number; readonly servers: readonly Server[] }> {
  const servers: Server[] = [];
  const failures: unknown[] = [];
  let { port } = place;
  for (const { address } of await lookup(place.host, { all: true })) {
    const server = makeServer();
    try {
      port = await listenOn(server, { host: address, port });
      servers.push(server);
    } catch (error) {
      failures.push(error);
    }
  }
  if (servers.length === 0) throw failures[0];
  return { port, servers };
}
