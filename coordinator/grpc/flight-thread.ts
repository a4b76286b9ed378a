import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { assertNever, present } from "../../shared/core/assert.ts";
import { errorFromData, errorToData } from "../../shared/core/errors.ts";
import { createLogger } from "../../shared/core/log.ts";
import type { FlightOwner } from "../flight/flight.ts";
import type {
  FlightAnswers,
  FlightCommand,
  FlightEvent,
  FlightQuestion,
  FlightThreadOptions,
} from "../flight/thread-protocol.ts";
import { startFlightServer } from "./flight-server.ts";

/**
 * A thread that serves results by Arrow Flight: reading, decoding and sending gigabytes must not keep the one
 * waiting that answers workers. Started by `startFlightThread`.
 */

/** The owner of the thread, asked by message. */
class AskedOwner implements FlightOwner {
  readonly #post: (event: FlightEvent) => void;
  readonly #asked = new Map<number, Deferred<FlightAnswers[keyof FlightAnswers]>>();
  #nextId = 0;

  constructor(post: (event: FlightEvent) => void) {
    this.#post = post;
  }

  jobs(): Promise<FlightAnswers["jobs"]> {
    return this.#ask({ kind: "jobs" });
  }

  combined(jobId: string, reduction: string): Promise<FlightAnswers["combined"]> {
    return this.#ask({ kind: "combined", jobId, reduction });
  }

  hear(command: Exclude<FlightCommand, { kind: "close" }>): void {
    const asked = this.#asked.get(command.id);
    this.#asked.delete(command.id);
    if (command.kind === "answer") asked?.resolve(command.answer);
    else asked?.reject(errorFromData(command.error));
  }

  async #ask<K extends FlightQuestion["kind"]>(
    question: Extract<FlightQuestion, { kind: K }>,
  ): Promise<FlightAnswers[K]> {
    const id = this.#nextId;
    this.#nextId += 1;
    const answer = deferred<FlightAnswers[keyof FlightAnswers]>();
    this.#asked.set(id, answer);
    this.#post({ kind: "asks", id, question });
    return (await answer.promise) as FlightAnswers[K];
  }
}

async function serve(port: MessagePort, { logLevel, ...options }: FlightThreadOptions): Promise<void> {
  const post = (event: FlightEvent) => port.postMessage(event);
  const owner = new AskedOwner(post);
  const starting = startFlightServer({ ...options, owner, log: createLogger("flight", logLevel) });
  port.on("message", (command: FlightCommand) => {
    switch (command.kind) {
      case "answer":
      case "refuse":
        owner.hear(command);
        return;
      case "close":
        void starting.then((server) => server.close(command.graceMs)).finally(() => port.close());
        return;
      default:
        assertNever(command);
    }
  });
  try {
    const { address } = await starting;
    post({ kind: "listening", address });
  } catch (error) {
    post({ kind: "failed", error: errorToData(error) });
    port.close();
  }
}

await serve(present(parentPort, "a Flight thread has a parent"), workerData as FlightThreadOptions);
