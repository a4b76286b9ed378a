import * as z from "zod";
import { asDigest, type Digest, sha256 } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { Flight, FlightPart } from "./flight.ts";

/** Reference to consecutive parts of a flight. */
interface Ticket {
  readonly path: readonly string[];
  /** Range `[start, end)` of the parts' ids. */
  readonly start: number;
  readonly end: number;
  /** Digest of the parts' bytes. A ticket never refers to replaced parts. */
  readonly digest: Digest;
}

const id = z.int().nonnegative();
const ticketSchema = z.object({
  path: z.array(z.string()),
  start: id,
  end: id,
  digest: z.string().transform(asDigest),
});

/** Limit of our tickets. Longer ones are rejected unread. */
const MOST_BYTES = 4_096;

/**
 * Limit of a flight's tickets. Clients accept messages of 4 MiB by default, and a ticket takes some 200
 * bytes. A flight of more parts has several per ticket.
 */
const MOST_TICKETS = 4_096;

/** Returns tickets for a whole flight, in the order of its rows. */
export function ticketsOf({ path, parts }: Flight, mostTickets = MOST_TICKETS): readonly Uint8Array[] {
  const partsEach = Math.max(1, Math.ceil(parts.length / mostTickets));
  const tickets: Uint8Array[] = [];
  for (let at = 0; at < parts.length; at += partsEach) {
    const some = parts.slice(at, at + partsEach);
    const [first, last] = [some[0]?.id ?? 0, some.at(-1)?.id ?? 0];
    const ticket: Ticket = { path, start: first, end: last + 1, digest: digestOf(some) };
    tickets.push(Buffer.from(JSON.stringify(ticket)));
  }
  return tickets;
}

/** @throws {RESULT_NOT_FOUND} when the bytes are not a ticket of this server */
export function readTicket(bytes: Uint8Array): Ticket {
  if (bytes.length > MOST_BYTES) throw noTicket();
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw noTicket();
  }
  const { data } = ticketSchema.safeParse(json);
  if (data === undefined) throw noTicket();
  return data;
}

/**
 * Returns the parts of a ticket.
 *
 * @throws {RESULT_NOT_FOUND} when the parts have changed
 */
export function partsOf({ start, end, digest, path }: Ticket, flight: Flight): readonly FlightPart[] {
  const parts = flight.parts.filter((part) => part.id >= start && part.id < end);
  if (parts.length > 0 && digestOf(parts) === digest) return parts;
  throw new ShardmillError("RESULT_NOT_FOUND", "the data of this ticket was removed, or has grown", {
    fields: { path: path.join("/") },
    hint: "get the flight's info again, and use its tickets",
  });
}

function digestOf(parts: readonly FlightPart[]): Digest {
  return sha256(parts.map((part) => part.sha256).join("\n"));
}

function noTicket(): ShardmillError {
  return new ShardmillError("RESULT_NOT_FOUND", "these bytes are not a ticket of this server", {
    hint: "use the tickets of a flight's info (GetFlightInfo)",
  });
}
