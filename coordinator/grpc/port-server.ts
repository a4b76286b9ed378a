import { Server, type ServerOptions } from "@grpc/grpc-js";
import type { Logger } from "../../shared/core/log.ts";
import type { PortFace } from "../../shared/extension/face.ts";
import type { ResultsView } from "../../shared/extension/results-view.ts";
import { type Listening, LOCAL, refuseClear } from "../../shared/serving/listening.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import { quietGrpc } from "../../shared/wire/peer.ts";
import { sendPieces } from "../../shared/wire/send-pieces.ts";
import { AuditLog } from "../access/audit-log.ts";
import { CallRates } from "../access/call-rates.ts";
import { guardInterceptor } from "../access/guard.ts";
import type { Guard } from "../access/judge.ts";
import { bind, openTls, reportTo } from "./bind.ts";

interface PortServerOptions {
  /** Address `host:port`. Port 0: any free port. */
  readonly listen: string;
  /** Option with that address, for errors: `--flight`. */
  readonly option: string;
  readonly guard: Guard;
  /** TLS settings. Default: in the clear, for this machine alone. */
  readonly listening?: Listening;
  readonly results: ResultsView;
  readonly log: Logger;
}

export interface PortServer {
  /** Address that it listens on, with the real port. */
  readonly address: string;
  /** Closes the port, and ends open calls after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Options of every port: `keepalive` and `channelz` are the same as on the coordinator's own server. */
const SERVER_OPTIONS: ServerOptions = {
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.enable_channelz": 0,
};

/**
 * Serves the methods of a face on a separate port, to authorized callers.
 *
 * @throws {PORT_IN_USE} when another process listens there
 * @throws {ARGUMENT_INVALID} when `listen` is invalid, is not an address of this machine, or may not be used
 * @throws {LISTENING_REFUSED} {TLS_INVALID} when the TLS settings do not allow to listen there, or are
 * invalid
 */
export async function startPortServer(face: PortFace, options: PortServerOptions): Promise<PortServer> {
  const { guard, listening = LOCAL, results, log } = options;
  const { requestBytes, streams, openCalls } = face.limits;
  quietGrpc();
  const place = parseAddress(options.listen, "listen", options.option);
  refuseClear(place, listening, options.option);
  const report = reportTo(log);
  const rates = new CallRates(() => performance.now(), { read: openCalls });
  const tls = await openTls(listening, log);
  const audit = new AuditLog(guard.auditPath, log);
  const server = new Server({
    ...SERVER_OPTIONS,
    "grpc.max_receive_message_length": requestBytes,
    "grpc.max_concurrent_streams": streams,
    interceptors: [sendPieces, guardInterceptor(guard, { report, audit, tlsListener: tls, rates })],
  });
  const handlers = await face.open(results, report);
  for (const [path, { definition, handler }] of handlers.methods)
    server.addService({ [path]: definition }, { [path]: handler });
  const bound = await bind(server, place, tls).catch(async (error: unknown) => {
    await handlers[Symbol.asyncDispose]();
    throw error;
  });
  log.info({ address: bound.address }, `serving ${face.title}`);
  return {
    address: bound.address,
    async close(graceMs) {
      await bound.close(graceMs);
      server.forceShutdown();
      await handlers[Symbol.asyncDispose]();
    },
  };
}
