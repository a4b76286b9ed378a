import { lookup } from "node:dns/promises";
import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import type { Address } from "../wire/address.ts";

/**
 * Connections that may wait to be accepted; the kernel allows `net.core.somaxconn` of them. Node's own bound
 * is 511: where a fleet starts at once, or a coordinator comes back to one, the system drops the rest.
 */
const BACKLOG = 4_096;

/** Listens, and gives the real port. @throws what the system says */
export async function listenOn(server: Server, { host, port }: Address): Promise<number> {
  server.listen({ host, port, backlog: BACKLOG });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/**
 * Listens at all addresses that a name stands for, with a server for each, on the same port. As long as one
 * can be had, the others may fail: `localhost` is often two addresses, of which a machine has one.
 *
 * @returns the real port, and the servers that listen
 * @throws what the system says of the first address
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
