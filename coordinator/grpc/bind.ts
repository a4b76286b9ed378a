import { type Server, ServerCredentials } from "@grpc/grpc-js";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { type Address, formatAddress } from "../../shared/wire/address.ts";
import { isUnexpected } from "../../shared/wire/rpc-error.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";
import type { Listening } from "../access/listening.ts";
import type { TlsListener } from "./tls-listener.ts";

/**
 * After the connections are destroyed their close events take a turn or two of the event loop; this is much
 * longer.
 */
const FORCED_CLOSE_MS = 1_000;

/**
 * Refusals are part of the protocol; what nobody foresaw is logged with its stack, and its caller gets the
 * message only.
 */
export function reportTo(log: Logger): ReportFailure {
  return (method, error) => {
    if (isUnexpected(error)) log.error({ method, err: error }, "call failed");
    else log.debug({ method, err: error }, "call refused");
  };
}

/**
 * Listens, by TLS where there is a listener for it, and gives the address with the real port.
 *
 * @throws {PORT_IN_USE} when another process listens there
 * @throws {ARGUMENT_INVALID} when it is no address of this machine's, or one it may not use
 */
export async function bind(server: Server, place: Address, tls: TlsListener | null = null): Promise<string> {
  if (tls === null) return await bindClear(server, place);
  try {
    return formatAddress({ host: place.host, port: await tls.listen(server, place) });
  } catch (error) {
    server.forceShutdown();
    throw bindError(formatAddress(place), error);
  }
}

function bindClear(server: Server, { host, port }: Address): Promise<string> {
  const target = formatAddress({ host, port });
  return new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) return resolve(formatAddress({ host, port: bound }));
      server.forceShutdown();
      reject(bindError(target, error));
    });
  });
}

/** grpc-js joins the errors of all addresses that a name stands for into one text. */
function bindError(address: string, cause: unknown): ShardmillError {
  const text = messageOf(cause);
  // What is understood needs no cause: the library's text would only blur it.
  const options = { fields: { address } };
  if (text.includes("EADDRINUSE")) {
    return new ShardmillError("PORT_IN_USE", `another process listens on ${address}`, {
      ...options,
      hint: "stop it, or listen on another port (port 0 takes any free one)",
    });
  }
  if (text.includes("EACCES")) {
    return new ShardmillError("ARGUMENT_INVALID", `no permission to listen on ${address}`, {
      ...options,
      hint: "ports below 1024 are the system's: take a higher one",
    });
  }
  if (text.includes("EADDRNOTAVAIL") || /Name resolution failed|ENOTFOUND|EAI_AGAIN/.test(text)) {
    return new ShardmillError("ARGUMENT_INVALID", `${address} is not an address of this machine`, {
      ...options,
      hint: "listen on 127.0.0.1 for this machine only, on 0.0.0.0 for every network",
    });
  }
  return new ShardmillError("ARGUMENT_INVALID", `cannot listen on ${address}: ${text}`, {
    ...options,
    cause,
  });
}

/**
 * Takes no new calls, waits up to `graceMs` for those open, and then ends them: `tryShutdown` waits for open
 * streams for as long as they live.
 */
export async function shutDown(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timers: NodeJS.Timeout[] = [];
    const done = () => {
      for (const timer of timers) clearTimeout(timer);
      resolve();
    };
    const force = () => {
      server.forceShutdown();
      timers.push(setTimeout(done, FORCED_CLOSE_MS));
    };
    timers.push(setTimeout(force, graceMs));
    server.tryShutdown(done);
  });
}

/** What listens by TLS, loaded only where it is wanted; null in the clear. @throws {TLS_INVALID} */
export async function openTls({ tls }: Listening, log: Logger): Promise<TlsListener | null> {
  if (tls === null) return null;
  const { TlsListener } = await import("./tls-listener.ts");
  return new TlsListener(tls, log);
}
