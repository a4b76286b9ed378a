import { Client, credentials } from "@grpc/grpc-js";
import { type Credential, userCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { authorization } from "../../shared/wire/authorization.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import { methodDefinition, type ServiceName } from "../../shared/wire/load-protos.ts";

/** An attacker that makes far too many calls until the signal aborts. */
export interface Attacker {
  readonly address: string;
  /** Addresses of Arrow Flight and HTTP on the same coordinator. */
  readonly flight: string;
  readonly http: string;
  /** A running job, and one of its files. */
  readonly jobId: JobId;
  readonly inputPath: string;
  readonly inputBytes: number;
  /** Job file of that job: a base for jobs that cannot be planned. */
  readonly spec: JobSpec;
  /** Token that permits jobs, which may read files beside those of that job. */
  readonly token: string;
  readonly signal: AbortSignal;
  /** Called when a lease of the job was taken, which the attacker does not work on. */
  readonly tookLease: () => void;
}

export type Attack = (attacker: Attacker) => Promise<void>;

export const MANY_TEXT = "x".repeat(60_000);

/** Connections of attacks that make their own. */
export const NOBODY = null;

/** Number of calls so far in this process. An attack without calls is no attack. */
export const made = { calls: 0 };

/**
 * Repeats `work` until the signal aborts, `each` times concurrently for every element of `whose`. Waits a
 * moment after a refusal, because a loop that only uses its own time is no attack.
 */
export async function endlessly<T>(
  whose: readonly T[],
  each: number,
  work: (one: T, index: number) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const over = aborted(signal);
  const loops = whose.flatMap((one, place) =>
    Array.from({ length: each }, async (_, lane) => {
      for (let round = 0; !signal.aborted; round += 1) {
        made.calls += 1;
        const index = (round * each + lane) * whose.length + place;
        await Promise.race([work(one, index).catch(() => sleep(20, NEVER)), over]);
      }
    }),
  );
  await Promise.all(loops);
}

const SERVICES = {
  PutPartialFile: "DataService",
  ReadRange: "DataService",
  WatchJob: "JobsService",
  ListJobs: "JobsService",
} as const satisfies Record<string, ServiceName>;

interface Target {
  readonly address: string;
  readonly signal: AbortSignal;
}

/** Calls per shared connection: a server accepts 128 on each. */
const CALLS_OF_ONE = 120;
let calls = 0;
let shared: Client | null = null;

/** Opens a call by hand and leaves it idle until the signal aborts or the call has ended. */
export function rawCall(
  { address, signal }: Target,
  name: keyof typeof SERVICES,
  request: object | null,
  text = "",
): Promise<void> {
  calls += 1;
  if (shared === null || calls % CALLS_OF_ONE === 0) {
    const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    signal.addEventListener("abort", () => client.close());
    shared = client;
  }
  const { path, requestSerialize, responseDeserialize, requestStream } = methodDefinition(
    SERVICES[name],
    name,
  );
  const metadata = authorization(userCredential()).clone();
  if (text !== "") metadata.set("x-much", text);
  const client = shared;
  return new Promise((resolve) => {
    const call = requestStream
      ? client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, metadata, () => resolve())
      : client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request ?? {}, metadata);
    call.on("error", () => resolve());
    call.on("end", () => resolve());
    if (requestStream) return;
    // Reads only one item: grpc-js then reads no further, and HTTP/2 closes its window.
    call.on("status", () => resolve());
    void (call as unknown as AsyncIterable<unknown>)
      [Symbol.asyncIterator]()
      .next()
      .catch(() => resolve());
  });
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Opens connections that close when the signal aborts. */
export function connections(
  count: number,
  { address, signal }: Target,
  who: Credential,
): CoordinatorClient[] {
  const all = Array.from({ length: count }, () => connectCoordinator(address, who));
  signal.addEventListener("abort", () => {
    for (const client of all) client.close();
  });
  return all;
}
