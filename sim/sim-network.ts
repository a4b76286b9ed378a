import { deferred, NEVER } from "../shared/core/abort.ts";
import { ShardmillError } from "../shared/core/errors.ts";
import type { WorkService } from "../shared/wire/services.ts";
import type { FaultPlan } from "./fault-plan.ts";
import type { Scheduler, SimProcess } from "./scheduler.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** A reachable coordinator. */
export interface SimServer {
  readonly process: SimProcess;
  readonly work: WorkService;
}

type Method = keyof WorkService;

interface SimNetworkOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly faults: FaultPlan;
  /** Returns the server that listens now, or null. */
  readonly server: () => SimServer | null;
  /** Called when a call arrives. */
  readonly onArrival: (call: ArrivedCall) => Witness;
}

export interface ArrivedCall {
  readonly caller: SimProcess;
  readonly server: SimServer;
  readonly method: Method;
  readonly args: readonly unknown[];
}

/** An observer of a call. */
export interface Witness {
  /** Called when the server has received the call, before anything else happens. */
  taken(): void;
  /** Called when the server answers, or refuses with an error. */
  answered(answer: unknown): void;
}

/** Deadlines of the real client, scaled to the simulated lease. */
const CONTROL_MS = 2_000;
const OFFER_MS = 24_000;

/**
 * The network between workers and the coordinator. Calls and answers may be lost, doubled, late and out of
 * order.
 */
export class SimNetwork {
  readonly #options: SimNetworkOptions;
  /** Names of workers whose calls, or whose answers, are lost. */
  readonly #mute = new Set<string>();
  readonly #deaf = new Set<string>();

  constructor(options: SimNetworkOptions) {
    this.#options = options;
  }

  cutOff(name: string, ways: "to" | "from" | "both", ms: number): void {
    const { scheduler } = this.#options;
    scheduler.note(`${name} is cut off (${ways}) for ${Math.round(ms)} ms`);
    if (ways !== "from") this.#mute.add(name);
    if (ways !== "to") this.#deaf.add(name);
    scheduler.after(ms, null, () => {
      this.#mute.delete(name);
      this.#deaf.delete(name);
    });
  }

  heal(): void {
    this.#mute.clear();
    this.#deaf.clear();
  }

  /** Returns the coordinator's service as `process` reaches it. */
  clientOf(process: SimProcess): WorkService {
    const call = <T>(method: Method, args: readonly unknown[], deadlineMs: number, signal: AbortSignal) =>
      new SimCall<T>(this, this.#options, { process, method, args, deadlineMs, signal }).answer;
    return {
      register: (registration, signal) => call("register", [registration], CONTROL_MS, signal),
      describeJob: (session, jobId) => call("describeJob", [session, jobId], CONTROL_MS, NEVER),
      reportDevice: (session, jobId, report) =>
        call("reportDevice", [session, jobId, report], CONTROL_MS, NEVER),
      requestLease: (session, waitMs, running, signal) =>
        call("requestLease", [session, waitMs, running], waitMs + CONTROL_MS, signal),
      heartbeat: (heartbeat, signal) => call("heartbeat", [heartbeat], CONTROL_MS, signal),
      offerPartial: (session, jobId, partial, traceparent = "") =>
        call("offerPartial", [session, jobId, partial, traceparent], OFFER_MS, NEVER),
      failAttempt: (session, lease, error) => call("failAttempt", [session, lease, error], CONTROL_MS, NEVER),
      releaseLease: (session, lease) => call("releaseLease", [session, lease], CONTROL_MS, NEVER),
      leave: (session, aside, signal) => call("leave", [session, aside], CONTROL_MS, signal),
    };
  }

  getsThrough(way: "to" | "from", name: string): boolean {
    const { faults } = this.#options;
    if ((way === "to" ? this.#mute : this.#deaf).has(name)) return false;
    return !faults.strikes(way === "to" ? "callLost" : "replyLost", 0.05);
  }
}

interface CallOptions {
  readonly process: SimProcess;
  readonly method: Method;
  readonly args: readonly unknown[];
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** One call, which is sent once or twice, and its answer. */
class SimCall<T> {
  readonly answer: Promise<T>;
  readonly #network: SimNetwork;
  readonly #options: SimNetworkOptions;
  readonly #call: CallOptions;
  readonly #settled = deferred<T>();
  readonly #gone = new AbortController();

  constructor(network: SimNetwork, options: SimNetworkOptions, call: CallOptions) {
    this.#network = network;
    this.#options = options;
    this.#call = call;
    this.answer = this.#settled.promise;
    const { scheduler, faults } = options;
    const { process, deadlineMs, signal } = call;
    if (signal.aborted) {
      this.#settled.reject(signal.reason);
      return;
    }
    const giveUp = (error: unknown) => {
      this.#settled.reject(error);
      this.#hangUp();
    };
    const tooLate = new ShardmillError("DEADLINE_EXCEEDED", `${call.method}: no answer`);
    const callOff = scheduler.after(deadlineMs, process, () => giveUp(tooLate));
    const onAbort = () => giveUp(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    let over = false;
    const clear = () => {
      over = true;
      callOff();
      signal.removeEventListener("abort", onAbort);
    };
    this.answer.then(clear, clear);
    process.onDeath.push(() => {
      if (!over) this.#hangUp();
    });
    this.#send();
    if (faults.strikes("callDoubled", 0.05)) this.#send();
  }

  /** Closes the connection. The server notices if the network lets it. */
  #hangUp(): void {
    const { scheduler } = this.#options;
    if (!this.#network.getsThrough("to", this.#call.process.name)) return;
    scheduler.after(this.#latencyMs(), null, () => this.#gone.abort(new Error("the caller closed the call")));
  }

  #send(): void {
    const { scheduler, server } = this.#options;
    if (!this.#network.getsThrough("to", this.#call.process.name)) return;
    // The message belongs to no process, so it arrives even if its sender has exited by then.
    scheduler.after(this.#latencyMs(), null, () => {
      const target = server();
      if (target === null || target.process.state === "exited") this.#reply(unreachable());
      else scheduler.after(0, target.process, () => this.#arrive(target));
    });
  }

  #arrive(server: SimServer): void {
    const { onArrival } = this.#options;
    const { method, args, process } = this.#call;
    const witness = onArrival({ caller: process, server, method, args });
    let over = false;
    server.process.onDeath.push(() => {
      if (!over) this.#reply(unreachable());
    });
    const serve = server.work[method] as (...all: unknown[]) => Promise<unknown>;
    const served = serve.call(server.work, ...args, this.#gone.signal);
    witness.taken();
    served.then(
      (value) => {
        over = true;
        witness.answered(value);
        this.#reply(null, value);
      },
      (error: unknown) => {
        over = true;
        witness.answered(error);
        this.#reply(error);
      },
    );
  }

  #reply(error: unknown, value?: unknown): void {
    const { scheduler } = this.#options;
    const { process } = this.#call;
    if (!this.#network.getsThrough("from", process.name)) return;
    scheduler.after(this.#latencyMs(), process, () => {
      if (error === null) this.#settled.resolve(value as T);
      else this.#settled.reject(error);
    });
  }

  #latencyMs(): number {
    const { random, faults } = this.#options;
    return random.between(0.2, 5) + (faults.strikes("callLate", 0.1) ? random.between(100, 15_000) : 0);
  }
}

function unreachable(): ShardmillError {
  return new ShardmillError("COORDINATOR_UNREACHABLE", "no coordinator answers");
}
