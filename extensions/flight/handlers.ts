import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { withLength } from "../../shared/dataset/ipc-messages.ts";
import type { PortHandlers } from "../../shared/extension/face.ts";
import type { ResultsView } from "../../shared/extension/results-view.ts";
import { JobStorages } from "../../shared/storage/job-storages.ts";
import { type HandledMethod, handledMethod } from "../../shared/wire/method.ts";
import type { Caller } from "../../shared/wire/server-call.ts";
import { serveServerStream } from "../../shared/wire/streams.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";
import type { Flight } from "./flight.ts";
import { Flights, isMissing } from "./flights.ts";
import { Manifests } from "./manifests.ts";
import { type FlightData, type FlightInfo, flightMethods } from "./methods.ts";
import { partMessages, readSchema } from "./part-messages.ts";
import { partsOf, readTicket, ticketsOf } from "./ticket.ts";
import { type FlightLimits, FlightTurns } from "./turns.ts";

interface FlightAccess {
  readonly flights: Flights;
  readonly storages: JobStorages;
  readonly turns: FlightTurns;
}

/** Opens the handlers of all methods for the given results. */
export function openFlights(
  results: ResultsView,
  report: ReportFailure,
  limits: Partial<FlightLimits> = {},
): PortHandlers {
  const storages = new JobStorages();
  const flights = new Flights(results, new Manifests(storages));
  const turns = new FlightTurns(limits);
  return {
    methods: flightHandlers({ flights, storages, turns }, report),
    [Symbol.asyncDispose]: () => storages[Symbol.asyncDispose](),
  };
}

type Asking = Pick<Caller, "signal" | "who">;

function flightHandlers(
  { flights, storages, turns }: FlightAccess,
  report: ReportFailure,
): ReadonlyMap<string, HandledMethod> {
  const infoOf = async (flight: Flight, signal: AbortSignal): Promise<FlightInfo> => ({
    path: flight.path,
    schema: await schemaOf(flight, signal),
    tickets: ticketsOf(flight),
    rows: flight.parts.reduce((rows, part) => rows + part.rows, 0),
  });
  const schemaOf = async (flight: Flight, signal: AbortSignal) => {
    const first = present(flight.parts[0], "a flight has a part");
    return withLength(await readSchema(storages.of(flight), first, signal));
  };

  async function* list(criteria: Uint8Array, { signal }: Asking): AsyncGenerator<FlightInfo> {
    const found = flights.list(Buffer.from(criteria).toString("utf8"), signal);
    // Each item takes its own turn, so none is held while the client reads.
    const next = () => turns.look(() => nextInfo(found, (flight) => infoOf(flight, signal)), signal);
    for (let info = await next(); info !== null; info = await next()) yield info;
  }

  async function* read(bytes: Uint8Array, { signal, who }: Asking): AsyncGenerator<FlightData> {
    const ticket = readTicket(bytes);
    const release = await turns.takeStream(who, signal);
    try {
      // The lookup follows the wait, because the output may change during it.
      const flight = await flights.find(ticket.path, signal);
      yield* partMessages(storages.of(flight), partsOf(ticket, flight), signal);
      if (!flight.isPublished) return;
      try {
        partsOf(ticket, await flights.find(ticket.path, signal));
      } catch (error) {
        throw isMissing(error) ? replaced(ticket.path, error) : error;
      }
    } finally {
      release();
    }
  }

  const { listFlights, getFlightInfo, getSchema, doGet } = flightMethods;
  const flightInfo = (path: readonly string[], { signal }: Asking) =>
    turns.look(async () => infoOf(await flights.find(path, signal), signal), signal);
  const flightSchema = (path: readonly string[], { signal }: Asking) =>
    turns.look(async () => schemaOf(await flights.find(path, signal), signal), signal);
  return new Map([
    handledMethod(listFlights, serveServerStream(listFlights, list, report)),
    handledMethod(getFlightInfo, serveUnary(getFlightInfo, flightInfo, report)),
    handledMethod(getSchema, serveUnary(getSchema, flightSchema, report)),
    handledMethod(doGet, serveServerStream(doGet, read, report, turns)),
  ]);
}

/** Returns the info of the next flight whose files exist. Null: none. */
async function nextInfo(
  found: AsyncIterator<Flight>,
  infoOf: (flight: Flight) => Promise<FlightInfo>,
): Promise<FlightInfo | null> {
  for (;;) {
    const next = await found.next();
    if (next.done === true) return null;
    try {
      return await infoOf(next.value);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}

/**
 * Returns the error for an output that was replaced before its files were opened. The sent rows may be the
 * new output's.
 */
function replaced(path: readonly string[], cause: unknown): ShardmillError {
  return new ShardmillError("STORE_CHANGED", "the output was replaced while it was read", {
    fields: { path: path.join("/") },
    hint: "get the flight's info again, and read the whole flight again",
    cause,
  });
}
