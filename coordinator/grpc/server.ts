import { Server, ServerCredentials, type ServerOptions } from "@grpc/grpc-js";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { formatAddress, parseAddress } from "../../shared/wire/address.ts";
import { fullServiceName, SERVICE_NAMES, serviceDefinition } from "../../shared/wire/load-protos.ts";
import { quietGrpc } from "../../shared/wire/peer.ts";
import { isUnexpected } from "../../shared/wire/rpc-error.ts";
import { type CoordinatorServices, MAX_REQUEST_BYTES } from "../../shared/wire/services.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";
import { type Guard, guardInterceptor } from "../access/guard.ts";
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
  readonly log: Logger;
}

export interface RunningServer {
  /** Where it listens, with the real port. */
  readonly address: string;
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

/**
 * After the connections are destroyed their close events take a turn or two of the event loop; this is much
 * longer.
 */
const FORCED_CLOSE_MS = 1_000;

/**
 * Serves the four services, health checks and reflection, to whom the guard lets in.
 *
 * @throws {PORT_IN_USE} when another process listens there
 * @throws {ARGUMENT_INVALID} when `listen` is no address, or none of this machine's, or one it may not use
 */
export async function startServer({ listen, services, guard, log }: ServeOptions): Promise<RunningServer> {
  quietGrpc();
  const { host, port } = parseAddress(listen, "listen");
  const report = reportTo(log);
  const server = new Server({ ...SERVER_OPTIONS, interceptors: [guardInterceptor(guard, report)] });
  server.addService(serviceDefinition("WorkService"), workHandlers(services.work, report));
  server.addService(serviceDefinition("DataService"), dataHandlers(services.data, report));
  server.addService(serviceDefinition("JobsService"), jobsHandlers(services.jobs, report));
  server.addService(serviceDefinition("WorkersService"), workersHandlers(services.workers, report));
  const health = addHealth(server);
  addReflection(server);

  const setServing = (serving: boolean) => {
    for (const name of ["", ...SERVICE_NAMES.map(fullServiceName)]) {
      health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    }
  };
  setServing(true);
  const address = formatAddress({ host, port: await bind(server, formatAddress({ host, port })) });
  log.info({ address }, "listening");
  return {
    address,
    setServing,
    async close(graceMs) {
      setServing(false);
      await shutDown(server, graceMs);
    },
  };
}

/**
 * Refusals are part of the protocol; what nobody foresaw is logged with its stack, and its caller gets the
 * message only.
 */
function reportTo(log: Logger): ReportFailure {
  return (method, error) => {
    if (isUnexpected(error)) log.error({ method, err: error }, "call failed");
    else log.debug({ method, err: error }, "call refused");
  };
}

function bind(server: Server, target: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) return resolve(port);
      server.forceShutdown();
      reject(bindError(target, error));
    });
  });
}

/** grpc-js joins the errors of all addresses that a name stands for into one text. */
function bindError(address: string, cause: Error): ShardmillError {
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
  if (text.includes("EADDRNOTAVAIL") || text.includes("Name resolution failed")) {
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

/** `tryShutdown` waits for open streams for as long as they live. */
async function shutDown(server: Server, graceMs: number): Promise<void> {
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
