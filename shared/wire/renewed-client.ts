import { type Client, connectivityState } from "@grpc/grpc-js";

/** States without a pending connection. An idle channel connects at the first call. */
const RESTING: readonly connectivityState[] = [connectivityState.IDLE, connectivityState.READY];

/**
 * gRPC client of one address, which is replaced if it cannot connect within `connectMs`. grpc-js has no such
 * limit. TCP repeats a lost connection request for two minutes. A machine or process that hangs after
 * accepting would block forever. A replaced client also looks the name up again.
 *
 * Calls that wait for the abandoned connection fail as UNAVAILABLE.
 */
export class RenewedClient {
  readonly #make: () => Client;
  readonly #connectMs: number;
  #client: Client;
  #closed = false;
  #late: NodeJS.Timeout | null = null;

  constructor(make: () => Client, connectMs: number) {
    this.#make = make;
    this.#connectMs = connectMs;
    this.#client = make();
    this.#follow(this.#client);
  }

  /** Client to use. Read it for each call. */
  get current(): Client {
    return this.#client;
  }

  /** Waits for a connection. Returns false if there is none by `deadlineMs`, in the time of `Date.now()`. */
  async isReadyBy(deadlineMs: number): Promise<boolean> {
    while (!this.#closed) {
      // Not grpc-js's `waitForReady`, which reopens a closed channel.
      const channel = this.#client.getChannel();
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return true;
      const isLate = await new Promise<boolean>((resolve) => {
        channel.watchConnectivityState(state, deadlineMs, (error) => resolve(error instanceof Error));
      });
      if (isLate) return false;
    }
    return false;
  }

  close(): void {
    this.#closed = true;
    this.#rest();
    this.#client.close();
  }

  #follow(client: Client): void {
    // A closed channel still changes its states.
    if (client !== this.#client || this.#closed) return;
    const channel = client.getChannel();
    const state = channel.getConnectivityState(false);
    if (RESTING.includes(state)) this.#rest();
    // The timer keeps running between attempts that fail at once, because a later one may hang.
    else this.#late ??= setTimeout(() => this.#renew(), this.#connectMs).unref();
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => this.#follow(client));
  }

  #rest(): void {
    if (this.#late !== null) clearTimeout(this.#late);
    this.#late = null;
  }

  #renew(): void {
    this.#rest();
    const late = this.#client;
    this.#client = this.#make();
    this.#follow(this.#client);
    late.close();
  }
}
