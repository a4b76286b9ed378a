import { Client, credentials } from "@grpc/grpc-js";
import { type Credential, userCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { authorization } from "../../shared/wire/authorization.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import { methodDefinition, type ServiceName } from "../../shared/wire/load-protos.ts";

/** One who asks far too much, for as long as it is let. */
export interface Attacker {
  readonly address: string;
  /** Where the same coordinator serves Arrow Flight, and HTTP. */
  readonly flight: string;
  readonly http: string;
  /** A job that is being worked on, and a file of it. */
  readonly jobId: JobId;
  readonly inputPath: string;
  readonly inputBytes: number;
  /** Of that job: a base for jobs that cannot be planned. */
  readonly spec: JobSpec;
  /** For who may submit jobs, and have them open what lies beside that one's files. */
  readonly token: string;
  readonly signal: AbortSignal;
  /** A lease of the job was taken, and is not worked on. */
  readonly tookLease: () => void;
}

export type Attack = (attacker: Attacker) => Promise<void>;

export const MANY_TEXT = "x".repeat(60_000);

/** For attacks that make their own connections. */
export const NOBODY = null;

/** Calls made so far in this process: an attack that makes none is none. */
export const made = { calls: 0 };

/**
 * Calls `work` again and again, `each` times at once for every one of `whose`, until the signal aborts. After
 * a refusal it waits for a moment: a loop that only burns its own time is no attack.
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

/** A shared connection for so many calls: a server takes 128 of each. */
const CALLS_OF_ONE = 120;
let calls = 0;
let shared: Client | null = null;

/** Opens a call by hand, and does nothing with it until the signal aborts or it has ended. */
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
    // One item is looked at, and no more: grpc-js then reads no further, and HTTP/2 closes its window.
    call.on("status", () => resolve());
    void (call as unknown as AsyncIterable<unknown>)
      [Symbol.asyncIterator]()
      .next()
      .catch(() => resolve());
  });
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Until the attack is over. */
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
