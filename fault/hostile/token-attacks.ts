import { connect } from "node:net";
import { flightMethods } from "../../extensions/flight/methods.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import type { CoordinatorClient } from "../../shared/wire/client.ts";
import { Peer } from "../../shared/wire/peer.ts";
import { callServerStream } from "../../shared/wire/streams.ts";
import {
  type Attack,
  type Attacker,
  aborted,
  connections,
  endlessly,
  MANY_TEXT,
  NOBODY,
} from "./peer-tools.ts";

const NEW = { fresh: false } as const;
/** Deadline longer than any attack. */
const TIMES = { deadlineMs: 600_000, signal: NEVER };

function tokenHolders(count: number, attacker: Attacker): CoordinatorClient[] {
  return connections(count, attacker, { path: "", secret: attacker.token });
}

/** Opens separate connections to Arrow Flight. */
function readers(count: number, { flight, token, signal }: Attacker): Peer[] {
  const options = { "grpc.use_local_subchannel_pool": 1 };
  const all = Array.from({ length: count }, () => new Peer(flight, { path: "", secret: token }, options));
  signal.addEventListener("abort", () => {
    for (const peer of all) peer.close();
  });
  return all;
}

/** Reads one item of a stream, and no more. */
async function begin(stream: AsyncIterable<unknown>, signal: AbortSignal): Promise<void> {
  for await (const _item of stream) await aborted(signal);
}

/** Returns tickets of everything that is published by now. */
async function ticketsOf(peer: Peer): Promise<Uint8Array[]> {
  const tickets: Uint8Array[] = [];
  const infos = callServerStream(peer, flightMethods.listFlights, new Uint8Array(), TIMES);
  for await (const info of infos) tickets.push(...info.tickets);
  return tickets;
}

/** Attacks by a caller whose token permits submitting, by name. */
export const TOKEN_ATTACKS: Readonly<Record<string, Attack>> = {
  "endless status requests with a token": (attacker) =>
    endlessly(
      tokenHolders(4, attacker),
      100,
      (client) => client.jobs.getJob(attacker.jobId, NEVER),
      attacker.signal,
    ),
  "jobs with a token that cannot be planned": (attacker) =>
    endlessly(
      tokenHolders(4, attacker),
      60,
      (client, index) => {
        const output = { ...attacker.spec.output, path: `${attacker.spec.output.path}-none-${index}` };
        const own = present(attacker.spec.model, "the job has a model");
        const model = { ...own, path: `${own.path}-none` };
        return client.jobs.submitJob({ ...attacker.spec, output, model }, { fresh: false }, NEVER);
      },
      attacker.signal,
    ),
  "jobs with a token for paths that it may not use": (attacker) =>
    endlessly(
      tokenHolders(4, attacker),
      60,
      (client) =>
        client.jobs.submitJob(
          { ...attacker.spec, input: { ...attacker.spec.input, path: ["/"] } },
          NEW,
          NEVER,
        ),
      attacker.signal,
    ),
  "job files of 4 MB with a token": (attacker) =>
    endlessly(
      tokenHolders(4, attacker),
      20,
      (client) => {
        const input = { ...attacker.spec.input, where: `id = '${MANY_TEXT.repeat(60)}'` };
        return client.jobs.submitJob({ ...attacker.spec, input }, NEW, NEVER);
      },
      attacker.signal,
    ),
  "jobs with a token that no worker can run, up to its limit": (attacker) =>
    endlessly(
      tokenHolders(4, attacker),
      10,
      (client, index) => {
        const output = { ...attacker.spec.output, path: `${attacker.spec.output.path}-held-${index}` };
        const map = { ...attacker.spec.map, device: "cuda" as const };
        return client.jobs.submitJob({ ...attacker.spec, output, map }, NEW, NEVER);
      },
      attacker.signal,
    ),
  "watches with a token, up to its limit": (attacker) =>
    endlessly(
      tokenHolders(4, attacker),
      100,
      (client) => begin(client.jobs.watchJob(attacker.jobId, NEVER), attacker.signal),
      attacker.signal,
    ),
  "pages with a token that read no bytes": (attacker) =>
    endlessly(
      [NOBODY],
      200,
      async () => {
        const { host, port } = parseAddress(attacker.http, "connect");
        const socket = connect({ host, port }).on("error", () => {});
        attacker.signal.addEventListener("abort", () => socket.destroy());
        socket.write(
          `GET /api/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${attacker.token}\r\n\r\n`,
        );
        await new Promise((resolve) => socket.once("close", resolve).once("readable", resolve));
        await Promise.race([
          aborted(attacker.signal),
          new Promise((resolve) => socket.once("close", resolve)),
        ]);
      },
      attacker.signal,
    ),
  "streams of Arrow Flight with a token that read no bytes": (attacker) =>
    endlessly(
      readers(8, attacker),
      50,
      async (peer, index) => {
        const tickets = await ticketsOf(peer);
        const ticket = tickets[index % tickets.length] ?? new Uint8Array();
        await begin(callServerStream(peer, flightMethods.doGet, ticket, TIMES), attacker.signal);
      },
      attacker.signal,
    ),
  "endless listings of flights": (attacker) =>
    endlessly(readers(4, attacker), 50, ticketsOf, attacker.signal),
  "invalid tickets of Arrow Flight": (attacker) =>
    endlessly(
      readers(4, attacker),
      50,
      (peer) =>
        begin(callServerStream(peer, flightMethods.doGet, Buffer.from(MANY_TEXT), TIMES), attacker.signal),
      attacker.signal,
    ),
};
