import { type RecordBatch, RecordBatchReader, Table } from "apache-arrow";
import { type PortServer, startPortServer } from "../../../coordinator/grpc/port-server.ts";
import { flight } from "../../../extensions/flight/extension.ts";
import { openFlights } from "../../../extensions/flight/handlers.ts";
import { type FlightInfo, flightMethods } from "../../../extensions/flight/methods.ts";
import type { FlightLimits } from "../../../extensions/flight/turns.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import { silentLogger } from "../../../shared/core/log.ts";
import { withLength } from "../../../shared/dataset/ipc-messages.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { PortFace } from "../../../shared/extension/face.ts";
import type { ResultsView } from "../../../shared/extension/results-view.ts";
import { Peer } from "../../../shared/wire/peer.ts";
import { callServerStream } from "../../../shared/wire/streams.ts";
import { callUnary } from "../../../shared/wire/unary.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../access.ts";

const TIMES = { deadlineMs: 30_000, signal: NEVER };

/** IPC message, as a client receives it. */
export interface ReceivedMessage {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** A client of Arrow Flight that decodes with Apache Arrow's own reader. */
export class FlightClient implements Disposable {
  readonly #peer: Peer;

  constructor(address: string, credential = TEST_CREDENTIAL) {
    // Clients of one process would share a connection otherwise.
    const options = { "grpc.max_receive_message_length": 4 << 20, "grpc.use_local_subchannel_pool": 1 };
    this.#peer = new Peer(address, credential, options);
  }

  async list(criteria = ""): Promise<FlightInfo[]> {
    const infos: FlightInfo[] = [];
    const { listFlights } = flightMethods;
    for await (const info of callServerStream(this.#peer, listFlights, Buffer.from(criteria), TIMES))
      infos.push(info);
    return infos;
  }

  info(...path: readonly string[]): Promise<FlightInfo> {
    return callUnary(this.#peer, flightMethods.getFlightInfo, path, TIMES);
  }

  schema(...path: readonly string[]): Promise<Uint8Array> {
    return callUnary(this.#peer, flightMethods.getSchema, path, TIMES);
  }

  async *messages(ticket: Uint8Array): AsyncGenerator<ReceivedMessage, void, undefined> {
    for await (const { header, body } of callServerStream(this.#peer, flightMethods.doGet, ticket, TIMES))
      yield { header, body: Buffer.concat(body) };
  }

  /** Reads all rows of a ticket. */
  async read(ticket: Uint8Array): Promise<Table> {
    const stream: Uint8Array[] = [];
    for await (const { header, body } of this.messages(ticket)) stream.push(withLength(header), body);
    return tableOfStream(Buffer.concat(stream));
  }

  /** Reads all rows of a flight, with its endpoints concurrently. */
  async readAll(...path: readonly string[]): Promise<Table> {
    const { tickets } = await this.info(...path);
    const tables = await Promise.all(tickets.map((ticket) => this.read(ticket)));
    return present(tables[0], "a flight has an endpoint").concat(...tables.slice(1));
  }

  [Symbol.dispose](): void {
    this.#peer.close();
  }
}

/** Returns a table. For a stream without batches, the library would add an empty one. */
function tableOfStream(bytes: Uint8Array): Table {
  const reader = RecordBatchReader.from(bytes).open();
  const batches: RecordBatch[] = [...reader];
  return new Table(reader.schema, batches);
}

export interface FlightRig extends AsyncDisposable {
  readonly server: PortServer;
  readonly client: FlightClient;
}

/** Starts a server in this process, for one output or for these results, and a client. */
export async function flightRig(
  served: Location | ResultsView,
  limits: Partial<FlightLimits> = {},
): Promise<FlightRig> {
  const results = typeof served === "string" ? resultsIn(served) : served;
  const face: PortFace = {
    ...present(flight.face?.port, "Flight has a port"),
    open: async (view, report) => openFlights(view, report, limits),
  };
  const options = { listen: "127.0.0.1:0", option: "--flight", results, log: silentLogger };
  const server = await startPortServer(face, { ...options, guard: TEST_GUARD });
  const client = new FlightClient(server.address);
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await server.close(100);
    },
  };
}

function resultsIn(output: Location): ResultsView {
  const job = { jobId: null, output, stores: NO_STORES, isPublished: true, combined: [] };
  return { jobs: async () => [job], combined: async () => [] };
}
