import type { Codec } from "../../shared/wire/codec.ts";
import { loadForeign } from "../../shared/wire/load-protos.ts";
import { defineForeign } from "../../shared/wire/method.ts";
import { encodeBytesFields, respondInPieces } from "../../shared/wire/pieces.ts";
import type { WireReader } from "../../shared/wire/wire-message.ts";

/** One served result, as Arrow Flight describes it to clients. */
export interface FlightInfo {
  readonly path: readonly string[];
  /** Arrow IPC message of the schema, with its length first. */
  readonly schema: Uint8Array;
  /** Tickets, one per endpoint, in the order of the rows. */
  readonly tickets: readonly Uint8Array[];
  readonly rows: number;
}

/** Arrow IPC message: metadata without a length, and body. */
export interface FlightData {
  readonly header: Uint8Array;
  /** Pieces of the body, in order. */
  readonly body: readonly Uint8Array[];
}

/** Limit of names in a path. A flight has at most three, and some may be empty. */
const MOST_NAMES = 16;

const FLIGHT = loadForeign("arrow.flight.protocol.FlightService", {
  "GetFlightInfoRequest.path": MOST_NAMES,
  "GetSchemaRequest.path": MOST_NAMES,
});

/** Codec of a flight's path. Commands, the other kind of descriptor, are unsupported. */
const descriptorCodec: Codec<readonly string[]> = {
  encode: (path) => ({ type: "PATH", path }),
  decode: (message) =>
    message.enumValue("type") === "PATH"
      ? message.texts("path")
      : message.fail("type", "is not PATH: name a flight by its path, as in ListFlights"),
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

/** Codec of messages in pieces, so that the body is not copied. The numbers are those of the fields. */
const dataCodec: Codec<FlightData> = {
  encode: ({ header, body }) => ({
    pieces: encodeBytesFields([
      { id: 2, value: [header] },
      { id: 1000, value: body },
    ]),
  }),
  decode: (message) => ({ header: message.bytes("dataHeader"), body: [message.bytes("dataBody")] }),
};

export const flightMethods = {
  /** Request: bytes that the path begins with, its names joined by `/`. */
  listFlights: defineForeign(FLIGHT, "ListFlights", onlyBytes("expression"), infoCodec),
  getFlightInfo: defineForeign(FLIGHT, "GetFlightInfo", descriptorCodec, infoCodec),
  getSchema: defineForeign(FLIGHT, "GetSchema", descriptorCodec, schemaCodec),
  doGet: respondInPieces(defineForeign(FLIGHT, "DoGet", ticketCodec, dataCodec)),
} as const;

function onlyBytes(field: string): Codec<Uint8Array> {
  return {
    encode: (bytes) => ({ [field]: bytes }),
    decode: (message: WireReader) => message.bytes(field),
  };
}
