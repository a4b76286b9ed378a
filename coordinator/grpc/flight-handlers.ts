import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { present } from "../../shared/core/assert.ts";
import { Slots } from "../../shared/core/slots.ts";
import { withLength } from "../../shared/dataset/ipc-messages.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { type FlightData, type FlightInfo, flightMethods } from "../../shared/wire/methods-flight.ts";
import { serveServerStream } from "../../shared/wire/streams.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";
import type { Flight } from "../flight/flight.ts";
import { type Flights, isGone } from "../flight/flights.ts";
import { partMessages, readSchema } from "../flight/part-messages.ts";
import { partsOf, readTicket, ticketsOf } from "../flight/ticket.ts";

/**
 * A stream holds a file open, its decoder, and about twice a row group. Whoever opens more streams than this
 * waits for his own, in the order in which they were opened, which is the one that most read them in.
 */
const STREAMS = { slots: 16, waiting: 4_096 } as const;

/**
 * How long a reader may take nothing in. People look at what came with the stream open: much longer than a
 * worker would.
 */
const READER_MS = 15 * 60_000;

interface FlightAccess {
  readonly flights: Flights;
  readonly storages: Storages;
}

export function flightHandlers(
  { flights, storages }: FlightAccess,
  report: ReportFailure,
): UntypedServiceImplementation {
  const streams = new Slots("streams", STREAMS);
  const infoOf = async (flight: Flight, signal: AbortSignal): Promise<FlightInfo> => ({
    path: flight.path,
    schema: await schemaOf(flight, signal),
    tickets: ticketsOf(flight),
    rows: flight.parts.reduce((rows, part) => rows + part.rows, 0),
  });
  const schemaOf = async ({ parts }: Flight, signal: AbortSignal) => {
    const first = present(parts[0], "a flight has a part");
    return withLength(await readSchema(storages, first, signal));
  };

  async function* list(criteria: Uint8Array, signal: AbortSignal): AsyncGenerator<FlightInfo> {
    const prefix = Buffer.from(criteria).toString("utf8");
    for await (const flight of flights.list(prefix, signal)) {
      const info = await infoOf(flight, signal).catch((error: unknown) => {
        if (!isGone(error)) throw error;
        return null;
      });
      if (info !== null) yield info;
    }
  }

  async function* read(bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<FlightData> {
    const ticket = readTicket(bytes);
    const parts = partsOf(ticket, await flights.find(ticket.path, signal));
    const giveBack = await streams.take(signal);
    try {
      yield* partMessages(storages, parts, signal);
    } finally {
      giveBack();
    }
  }

  return {
    ListFlights: serveServerStream(flightMethods.listFlights, list, report),
    GetFlightInfo: serveUnary(
      flightMethods.getFlightInfo,
      async (path, { signal }) => infoOf(await flights.find(path, signal), signal),
      report,
    ),
    GetSchema: serveUnary(
      flightMethods.getSchema,
      async (path, { signal }) => schemaOf(await flights.find(path, signal), signal),
      report,
    ),
    DoGet: serveServerStream(flightMethods.doGet, read, report, READER_MS),
  };
}
