import { Worker } from "node:worker_threads";
import { deferred } from "../../shared/core/abort.ts";
import { assertNever } from "../../shared/core/assert.ts";
import { errorFromData, errorToData, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { FlightOwner } from "../flight/flight.ts";
import type {
  FlightCommand,
  FlightEvent,
  FlightQuestion,
  FlightThreadOptions,
} from "../flight/thread-protocol.ts";
import type { FlightServer } from "./flight-server.ts";

interface FlightClientOptions extends FlightThreadOptions {
  readonly owner: FlightOwner;
}

export interface FlightThread extends FlightServer {
  /** Rejects when the thread dies before it is closed: nothing is served any more. */
  readonly ended: Promise<void>;
}

/**
 * Serves results by Arrow Flight, in a thread of its own.
 *
 * @throws {PORT_IN_USE} {ARGUMENT_INVALID} when it cannot listen there
 */
export async function startFlightThread({ owner, ...options }: FlightClientOptions): Promise<FlightThread> {
  const workerData: FlightThreadOptions = options;
  const thread = new Worker(compiledUrl("coordinator/grpc/flight-thread.ts"), { workerData });
  const listening = deferred<string>();
  const ended = deferred<void>();
  // Who started it may look later, or not at all.
  ended.promise.catch(() => {});
  let isClosing = false;
  const post = (command: FlightCommand) => thread.postMessage(command);
  const die = (what: string, cause?: unknown) => {
    if (isClosing) return ended.resolve();
    const error = new ShardmillError("INTERNAL", `the thread that serves Arrow Flight died: ${what}`, {
      cause,
    });
    listening.reject(error);
    ended.reject(error);
  };
  thread.on("message", (event: FlightEvent) => {
    switch (event.kind) {
      case "listening":
        return listening.resolve(event.address);
      case "failed":
        isClosing = true;
        return listening.reject(errorFromData(event.error));
      case "asks":
        return void answer(owner, event.id, event.question).then(post);
      default:
        assertNever(event);
    }
  });
  thread.on("error", (error) => die(messageOf(error), error));
  thread.on("exit", (code) => die(`exit code ${code}`));
  return {
    address: await listening.promise,
    ended: ended.promise,
    async close(graceMs) {
      isClosing = true;
      post({ kind: "close", graceMs });
      await ended.promise.catch(() => {});
    },
  };
}

async function answer(owner: FlightOwner, id: number, question: FlightQuestion): Promise<FlightCommand> {
  try {
    const found =
      question.kind === "jobs"
        ? await owner.jobs()
        : await owner.combined(question.jobId, question.reduction);
    return { kind: "answer", id, answer: found };
  } catch (error) {
    return { kind: "refuse", id, error: errorToData(error) };
  }
}
