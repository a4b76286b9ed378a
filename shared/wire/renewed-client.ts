import { type Client, connectivityState } from "@grpc/grpc-js";

/** Goes without a connection: at the first call one is made. */
const RESTING: readonly connectivityState[] = [connectivityState.IDLE, connectivityState.READY];

/**
 * The gRPC client of one address, made anew when a connection does not come about within `connectMs`:
 * grpc-js sets no limit to that. A connection request that is lost is sent again by TCP for two minutes, and
 * one that was taken by a machine that then went away, or by a process that hangs, would be waited for
 * without end. What is made anew also looks the name up again.
 *
 * Calls that wait for the connection that is given up fail as UNAVAILABLE.
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

  /** To be asked for at each call. */
  get current(): Client {
    return this.#client;
  }

  /** Whether one came before `deadlineMs`, as `Date.now()` has it. */
  async isReadyBy(deadlineMs: number): Promise<boolean> {
    while (!this.#closed) {
      // Not grpc-js's `waitForReady`: it takes a channel that is closed into service again.
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
    // One that is closed goes through states still.
    if (client !== this.#client || this.#closed) return;
    const channel = client.getChannel();
    const state = channel.getConnectivityState(false);
    if (RESTING.includes(state)) this.#rest();
    // Between attempts that fail at once it is neither: they may be followed by one that hangs.
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
