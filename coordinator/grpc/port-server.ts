import { Server, type ServerOptions } from "@grpc/grpc-js";
import type { Logger } from "../../shared/core/log.ts";
import type { PortFace } from "../../shared/extension/face.ts";
import type { ResultsView } from "../../shared/extension/results-view.ts";
import { type Listening, LOCAL, refuseClear } from "../../shared/serving/listening.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import { quietGrpc } from "../../shared/wire/peer.ts";
import { AuditLog } from "../access/audit-log.ts";
import { CallRates } from "../access/call-rates.ts";
import { guardInterceptor } from "../access/guard.ts";
import type { Guard } from "../access/judge.ts";
import { bind, openTls, reportTo } from "./bind.ts";

interface PortServerOptions {
  /** `host:port`; port 0 for any free one. */
  readonly listen: string;
  /** Option that gave it, named where it is wrong: `--flight`. */
  readonly option: string;
  readonly guard: Guard;
  /** Settings of TLS. Left out: in the clear, for this machine alone. */
  readonly listening?: Listening;
  readonly results: ResultsView;
  readonly log: Logger;
}

export interface PortServer {
  /** Address that it listens on, with the real port. */
  readonly address: string;
  /** Ends the calls that are open after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Options of every port: `keepalive` and `channelz` are those of the coordinator's own server. */
const SERVER_OPTIONS: ServerOptions = {
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.enable_channelz": 0,
};

/**
 * Serves the methods of a face on a port of their own, to whom the guard lets in.
 *
 * @throws {PORT_IN_USE} when another process listens there
 * @throws {ARGUMENT_INVALID} when `listen` is no address, or none of this machine's, or one it may not use
 * @throws {LISTENING_REFUSED} {TLS_INVALID} when it may not listen there as it is told to, or cannot
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
    interceptors: [guardInterceptor(guard, { report, audit, door: tls, rates })],
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
