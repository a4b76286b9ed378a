import type { Extension } from "../../shared/extension/extension.ts";

/** Results by Arrow Flight: tables over the network, for every Arrow library. */
export const flight: Extension = {
  name: "flight",
  face: {
    port: {
      methods: {
        "/arrow.flight.protocol.FlightService/ListFlights": { kind: "serverStream", callers: "read" },
        "/arrow.flight.protocol.FlightService/GetFlightInfo": { kind: "unary", callers: "read" },
        "/arrow.flight.protocol.FlightService/GetSchema": { kind: "unary", callers: "read" },
        "/arrow.flight.protocol.FlightService/DoGet": { kind: "serverStream", callers: "read" },
      },
      title: "Arrow Flight",
      option: {
        name: "flight",
        says: "HOST:PORT to serve results on by Arrow Flight, also combined tables of running jobs",
        example: { value: "127.0.0.1:7434", says: "The same, and serves their results by Arrow Flight" },
      },
      limits: {
        // Requests are a path or a ticket.
        requestBytes: 64 << 10,
        // A client reads any number of parts concurrently. Waiting streams cost little.
        streams: 1_024,
        // Most calls wait, in a shared queue of 4,096.
        openCalls: 2_048,
      },
      open: async (results, report) => (await import("./handlers.ts")).openFlights(results, report),
    },
  },
  command: {
    usage: "flight <output>",
    says: "Serve a published output by Arrow Flight, until stopped",
    follows: "plan",
    load: async () => (await import("./command.ts")).flightCommand,
  },
};
