import type { Codec } from "../../shared/wire/codec.ts";
import { loadForeign } from "../../shared/wire/load-protos.ts";
import { defineForeign } from "../../shared/wire/method.ts";
import type { WireReader } from "../../shared/wire/wire-message.ts";

/** One result that is served by Arrow Flight, as its clients are told of it. */
export interface FlightInfo {
  readonly path: readonly string[];
  /** An Arrow IPC message of the schema, with its length in front. */
  readonly schema: Uint8Array;
  /** One for each endpoint, in the order of the rows. */
  readonly tickets: readonly Uint8Array[];
  readonly rows: number;
}

/** An Arrow IPC message: its metadata without a length, and its body. */
export interface FlightData {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** A flight's path has three names at most; some may be empty. */
const MOST_NAMES = 16;

const FLIGHT = loadForeign("arrow/flight/Flight.proto", "arrow.flight.protocol.FlightService", {
  "GetFlightInfoRequest.path": MOST_NAMES,
  "GetSchemaRequest.path": MOST_NAMES,
});

/** A flight by its path. Those by a command are of other servers. */
const descriptorCodec: Codec<readonly string[]> = {
  encode: (path) => ({ type: "PATH", path }),
  decode: (message) =>
    message.enumValue("type") === "PATH"
      ? message.texts("path")
      : message.fail("type", "is not PATH: name a flight by its path, as ListFlights does"),
};

const ticketCodec: Codec<Uint8Array> = {
  encode: (ticket) => ({ ticket }),
  decode: (message) => message.bytes("ticket"),
};

const infoCodec: Codec<FlightInfo> = {
  encode: ({ path, schema, tickets, rows }) => ({
    schema,
    flightDescriptor: descriptorCodec.encode(path),
    endpoint: tickets.map((ticket) => ({ ticket: ticketCodec.encode(ticket), location: [] })),
    totalRecords: rows,
    totalBytes: -1,
    ordered: true,
  }),
  decode: (message) => ({
    path: descriptorCodec.decode(message.message("flightDescriptor")),
    schema: message.bytes("schema"),
    tickets: message.list("endpoint").map((endpoint) => ticketCodec.decode(endpoint.message("ticket"))),
    rows: message.count("totalRecords"),
  }),
};

const schemaCodec = onlyBytes("schema");

const dataCodec: Codec<FlightData> = {
  encode: ({ header, body }) => ({ dataHeader: header, dataBody: body }),
  decode: (message) => ({ header: message.bytes("dataHeader"), body: message.bytes("dataBody") }),
};

export const flightMethods = {
  /** The request: bytes that the path begins with, its names joined by `/`. */
  listFlights: defineForeign(FLIGHT, "ListFlights", onlyBytes("expression"), infoCodec),
  getFlightInfo: defineForeign(FLIGHT, "GetFlightInfo", descriptorCodec, infoCodec),
  getSchema: defineForeign(FLIGHT, "GetSchema", descriptorCodec, schemaCodec),
  doGet: defineForeign(FLIGHT, "DoGet", ticketCodec, dataCodec),
} as const;

function onlyBytes(field: string): Codec<Uint8Array> {
  return {
    encode: (bytes) => ({ [field]: bytes }),
    decode: (message: WireReader) => message.bytes(field),
  };
}
