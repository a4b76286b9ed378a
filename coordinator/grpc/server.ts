import { Server, type ServerOptions } from "@grpc/grpc-js";
import type { Logger } from "../../shared/core/log.ts";
import type { FaceView } from "../../shared/extension/face.ts";
import { type Listening, LOCAL, refuseClear } from "../../shared/serving/listening.ts";
import { type Address, parseAddress } from "../../shared/wire/address.ts";
import { fullServiceName, SERVICE_NAMES, serviceDefinition } from "../../shared/wire/load-protos.ts";
import { serverMethods } from "../../shared/wire/methods-server.ts";
import { workersMethods } from "../../shared/wire/methods-workers.ts";
import { quietGrpc } from "../../shared/wire/peer.ts";
import { type CoordinatorServices, MAX_REQUEST_BYTES } from "../../shared/wire/services.ts";
import { AuditLog } from "../access/audit-log.ts";
import { CallRates } from "../access/call-rates.ts";
import { FACES } from "../access/face-methods.ts";
import { guardInterceptor } from "../access/guard.ts";
import type { Guard } from "../access/judge.ts";
import { bind, openTls, reportTo } from "./bind.ts";
import { dataHandlers } from "./data-handlers.ts";
import { addHealth } from "./health.ts";
import { infoHandlers, jobsHandlers } from "./jobs-handlers.ts";
import { addLate } from "./late-methods.ts";
import { addReflection } from "./reflection.ts";
import { workHandlers } from "./work-handlers.ts";

interface ServeOptions {
  /** Address `host:port`. Port 0: any free port. */
  readonly listen: string;
  readonly services: CoordinatorServices;
  /** Returns the jobs that faces show. Default: none. */
  readonly jobs?: FaceView["jobs"];
  readonly guard: Guard;
  /** Call rates. Default: counted for this server alone. */
  readonly rates?: CallRates;
  /** TLS settings. Default: in the clear, for this machine alone. */
  readonly listening?: Listening;
  readonly log: Logger;
}

export interface RunningServer {
  /** Address that it listens on, with the real port. */
  readonly address: string;
  /** Address for workers of this process. */
  readonly ownAddress: string;
  /** Sets the answer of health checks, for the server and each of its services. SERVING from the start. */
  setServing(serving: boolean): void;
  /** Answers NOT_SERVING and takes no new calls. Waits up to `graceMs` for open calls, and then ends them. */
  close(graceMs: number): Promise<void>;
}

/**
 * Options of the server.
 *
 * - `max_concurrent_streams`, per connection: a worker needs one for its lease, one for heartbeats and a few
 *   for data.
 * - `keepalive`: connections to lost machines are closed within a minute. Clients of this project ping every
 *   20 s.
 * - `channelz`: off, because it counts each call, connection and message, and no client can read the counts.
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
 * Serves the engine's services, faces of extensions, health checks and reflection, to authorized callers.
 *
 * @throws {PORT_IN_USE} when another process listens there
 * @throws {ARGUMENT_INVALID} when `listen` is invalid, is not an address of this machine, or may not be used
 * @throws {LISTENING_REFUSED} {TLS_INVALID} when the TLS settings do not allow to listen there, or are
 * invalid
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { listen, services, jobs = () => [], guard, listening = LOCAL, log } = options;
  quietGrpc();
  const place = parseAddress(listen, "listen");
  refuseClear(place, listening, "--listen");
  const report = reportTo(log);
  const { rates = new CallRates(() => performance.now()) } = options;
  const tls = await openTls(listening, log);
  const audit = new AuditLog(guard.auditPath, log);
  const interceptors = [guardInterceptor(guard, { report, audit, tlsListener: tls, rates })];
  const server = new Server({ ...SERVER_OPTIONS, interceptors });
  const { handlers, calls } = workHandlers(services.work, report, audit);
  server.addService(serviceDefinition("WorkService"), handlers);
  server.addService(serviceDefinition("DataService"), dataHandlers(services.data, report));
  server.addService(serviceDefinition("JobsService"), jobsHandlers(services.jobs, report, audit));
  const { workers, server: serverInfo } = services;
  const listWorkers = infoHandlers(
    workersMethods.listWorkers,
    (signal) => workers.listWorkers(signal),
    report,
  );
  server.addService(serviceDefinition("WorkersService"), listWorkers);
  const serverHandlers = infoHandlers(
    serverMethods.getServerInfo,
    (signal) => serverInfo.getServerInfo(signal),
    report,
  );
  server.addService(serviceDefinition("ServerService"), serverHandlers);
  for (const face of FACES) addLate(server, face.methods, () => face.load({ jobs, report }));
  const health = addHealth(server);
  addReflection(server);

  const setServing = (serving: boolean) => {
    for (const name of ["", ...SERVICE_NAMES.map(fullServiceName)]) {
      health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    }
  };
  setServing(true);
  const bound = await bind(server, place, tls);
  const own = tls !== null && listening.forOwnWorkers ? await bind(server, HERE) : bound;
  log.info({ address: bound.address }, "listening");
  return {
    address: bound.address,
    ownAddress: own.address,
    setServing,
    async close(graceMs) {
      setServing(false);
      calls.close();
      await Promise.all([...new Set([bound, own])].map((each) => each.close(graceMs)));
      server.forceShutdown();
    },
  };
}
