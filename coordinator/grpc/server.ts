import { Server, type ServerOptions } from "@grpc/grpc-js";
import type { Logger } from "../../shared/core/log.ts";
import { type Address, parseAddress } from "../../shared/wire/address.ts";
import { fullServiceName, SERVICE_NAMES, serviceDefinition } from "../../shared/wire/load-protos.ts";
import { quietGrpc } from "../../shared/wire/peer.ts";
import { type CoordinatorServices, MAX_REQUEST_BYTES } from "../../shared/wire/services.ts";
import { AuditLog } from "../access/audit-log.ts";
import { guardInterceptor } from "../access/guard.ts";
import type { Guard } from "../access/judge.ts";
import { type Listening, LOCAL, refuseClear } from "../access/listening.ts";
import { bind, openTls, reportTo, shutDown } from "./bind.ts";
import { dataHandlers } from "./data-handlers.ts";
import { addHealth } from "./health.ts";
import { jobsHandlers, workersHandlers } from "./jobs-handlers.ts";
import { addReflection } from "./reflection.ts";
import { workHandlers } from "./work-handlers.ts";

interface ServeOptions {
  /** `host:port`; port 0 for any free one. */
  readonly listen: string;
  readonly services: CoordinatorServices;
  readonly guard: Guard;
  /** Left out: in the clear, for this machine alone. */
  readonly listening?: Listening;
  readonly log: Logger;
}

export interface RunningServer {
  /** Where it listens, with the real port. */
  readonly address: string;
  /** Where workers of this process find it. */
  readonly ownAddress: string;
  /** What health checks answer, for the server and each of its services. SERVING from the start. */
  setServing(serving: boolean): void;
  /** Answers NOT_SERVING, takes no new calls, waits up to `graceMs` for those open, and then ends them. */
  close(graceMs: number): Promise<void>;
}

/**
 * `streams`, each connection: a worker needs one for its lease, one for heartbeats and a few for data.
 * `keepalive`: connections to machines that vanished are closed within a minute; ours ping every 20 s.
 * `channelz`: counters for each call, connection and message, which nobody can ask for here.
 */
const SERVER_OPTIONS: ServerOptions = {
  "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
  "grpc.max_concurrent_streams": 128,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.enable_channelz": 0,
};

const HERE: Address = { host: "127.0.0.1", port: 0 };

/**
 * Serves the four services, health checks and reflection, to whom the guard lets in.
 *
 * @throws {PORT_IN_USE} when another process listens there
 * @throws {ARGUMENT_INVALID} when `listen` is no address, or none of this machine's, or one it may not use
 * @throws {LISTENING_REFUSED} {TLS_INVALID} when it may not listen there as it is told to, or cannot
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { listen, services, guard, listening = LOCAL, log } = options;
  quietGrpc();
  const place = parseAddress(listen, "listen");
  refuseClear(place, listening, "--listen");
  const report = reportTo(log);
  const tls = await openTls(listening, log);
  const audit = new AuditLog(guard.auditPath, log);
  const interceptors = [guardInterceptor(guard, { report, audit, door: tls })];
  const server = new Server({ ...SERVER_OPTIONS, interceptors });
  server.addService(serviceDefinition("WorkService"), workHandlers(services.work, report, audit));
  server.addService(serviceDefinition("DataService"), dataHandlers(services.data, report));
  server.addService(serviceDefinition("JobsService"), jobsHandlers(services.jobs, report, audit));
  server.addService(serviceDefinition("WorkersService"), workersHandlers(services.workers, report));
  const health = addHealth(server);
  addReflection(server);

  const setServing = (serving: boolean) => {
    for (const name of ["", ...SERVICE_NAMES.map(fullServiceName)]) {
      health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    }
  };
  setServing(true);
  const address = await bind(server, place, tls);
  const ownAddress = tls !== null && listening.forOwnWorkers ? await bind(server, HERE) : address;
  log.info({ address }, "listening");
  return {
    address,
    ownAddress,
    setServing,
    async close(graceMs) {
      setServing(false);
      tls?.close();
      await shutDown(server, graceMs);
    },
  };
}
