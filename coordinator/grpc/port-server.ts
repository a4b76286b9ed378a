import { Server, type ServerOptions } from "@grpc/grpc-js";
import type { FlightOwner } from "../../extensions/flight/flight.ts";
import { Flights } from "../../extensions/flight/flights.ts";
import { flightHandlers } from "../../extensions/flight/handlers.ts";
import { Manifests } from "../../extensions/flight/manifests.ts";
import { flightService } from "../../extensions/flight/methods.ts";
import { type FlightLimits, FlightTurns } from "../../extensions/flight/turns.ts";
import type { Logger } from "../../shared/core/log.ts";
import { type Listening, LOCAL, refuseClear } from "../../shared/serving/listening.ts";
import { JobStorages } from "../../shared/storage/job-storages.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import { quietGrpc } from "../../shared/wire/peer.ts";
import { AuditLog } from "../access/audit-log.ts";
import { CallRates } from "../access/call-rates.ts";
import { guardInterceptor } from "../access/guard.ts";
import type { Guard } from "../access/judge.ts";
import { bind, openTls, reportTo } from "./bind.ts";

interface FlightServerOptions {
  /** `host:port`; port 0 for any free one. */
  readonly listen: string;
  /** That it was given by, named where it is wrong: `--flight`. */
  readonly option: string;
  readonly guard: Guard;
  /** Left out: in the clear, for this machine alone. */
  readonly listening?: Listening;
  readonly owner: FlightOwner;
  readonly log: Logger;
  readonly limits?: Partial<FlightLimits>;
}

export interface FlightServer {
  /** Where it listens, with the real port. */
  readonly address: string;
  /** Ends the calls that are open after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/**
 * `streams`, each connection: a client reads as many parts at once as it likes; those that wait cost little.
 * Requests are a path or a ticket. `keepalive`, `channelz`: as the coordinator's own server has them.
 */
const SERVER_OPTIONS: ServerOptions = {
  "grpc.max_receive_message_length": 64 << 10,
  "grpc.max_concurrent_streams": 1_024,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.enable_channelz": 0,
};

/** Calls of one identity: most of them wait, in a queue of 4,096 for all. */
const MOST_OPEN = 2_048;

/**
 * Serves results by Arrow Flight, to whom the guard lets in.
 *
 * @throws {PORT_IN_USE} when another process listens there
 * @throws {ARGUMENT_INVALID} when `listen` is no address, or none of this machine's, or one it may not use
 * @throws {LISTENING_REFUSED} {TLS_INVALID} when it may not listen there as it is told to, or cannot
 */
export async function startFlightServer(options: FlightServerOptions): Promise<FlightServer> {
  const { guard, listening = LOCAL, owner, log } = options;
  quietGrpc();
  const place = parseAddress(options.listen, "listen", options.option);
  refuseClear(place, listening, options.option);
  const report = reportTo(log);
  const rates = new CallRates(() => performance.now(), { read: MOST_OPEN });
  const tls = await openTls(listening, log);
  const audit = new AuditLog(guard.auditPath, log);
  const interceptors = [guardInterceptor(guard, { report, audit, door: tls, rates })];
  const server = new Server({ ...SERVER_OPTIONS, interceptors });
  const storages = new JobStorages();
  const flights = new Flights(owner, new Manifests(storages));
  const turns = new FlightTurns(options.limits);
  server.addService(flightService, flightHandlers({ flights, storages, turns }, report));
  const bound = await bind(server, place, tls);
  log.info({ address: bound.address }, "serving Arrow Flight");
  return {
    address: bound.address,
    async close(graceMs) {
      await bound.close(graceMs);
      server.forceShutdown();
      await storages[Symbol.asyncDispose]();
    },
  };
}
