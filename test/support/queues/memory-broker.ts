import type { Delivery, QueueSource } from "../../../coordinator/queue/broker/queue-source.ts";
import type { Random } from "../../../shared/core/random.ts";
import type { Life } from "../lives.ts";

/** A broker that outlives the processes that take its messages. Each message is known by a name. */
export class MemoryBroker {
  /** It does not take that messages are settled. */
  isAway = false;
  readonly aside: { readonly id: string; readonly reason: string }[] = [];
  readonly #bodyOf: (id: string) => string;
  readonly #onDone: (id: string) => void;
  #waiting: string[] = [];
  #out = new Map<Delivery, string>();
  #wake: () => void = () => {};

  constructor(bodyOf: (id: string) => string, onDone: (id: string) => void) {
    this.#bodyOf = bodyOf;
    this.#onDone = onDone;
  }

  get isEmpty(): boolean {
    return this.#waiting.length + this.#out.size === 0;
  }

  send(ids: readonly string[]): void {
    this.#waiting.push(...ids);
    this.#wake();
  }

  /** Whoever took messages is gone: they come again, to the next one, and in any order. */
  comesAgain(random: Random): void {
    for (const id of this.#out.values())
      this.#waiting.splice(Math.floor(random.unit() * (this.#waiting.length + 1)), 0, id);
    this.#out = new Map();
    this.#wake = () => {};
  }

  /** As one life has it: each settling is a point to die at. */
  source(life: Life): QueueSource {
    const broker = this;
    const each = <T>(name: string, all: readonly T[], settle: (one: T) => void) => {
      const some = (ones: readonly T[]) => {
        for (const one of ones) settle(one);
      };
      return life.act(
        name,
        () => some(all),
        () => some(all.slice(0, Math.ceil(all.length / 2))),
      );
    };
    return {
      address: "queue",
      async *deliveries() {
        for (;;) {
          const id = broker.#waiting.shift();
          if (id === undefined) await broker.#message(life);
          else yield broker.#deliver(id);
        }
      },
      async done(deliveries) {
        if (broker.isAway) throw new Error("the broker is away");
        await each("done", deliveries, (one) => {
          const id = broker.#forget(one);
          if (id !== undefined) broker.#onDone(id);
        });
      },
      async setAside(failed) {
        await each("aside", failed, ({ delivery, reason }) => {
          const id = broker.#forget(delivery);
          if (id !== undefined) broker.aside.push({ id, reason });
        });
      },
      giveBack: async () => {},
      waiting: async () => null,
      [Symbol.asyncDispose]: async () => {},
    };
  }

  #deliver(id: string): Delivery {
    const body = Buffer.from(this.#bodyOf(id));
    const delivery = { messageId: null, body, sentMs: null, isAgain: false };
    this.#out.set(delivery, id);
    return delivery;
  }

  #forget(delivery: Delivery): string | undefined {
    const id = this.#out.get(delivery);
    this.#out.delete(delivery);
    return id;
  }

  async #message({ clock }: Life): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = () => void clock.after(1, resolve);
    });
  }
}
