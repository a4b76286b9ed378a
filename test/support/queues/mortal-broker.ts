import type { Random } from "../../../shared/core/random.ts";
import type { Delivery, QueueSource } from "../../../shared/extension/queue-source.ts";
import type { ProcessWorld } from "../process-worlds.ts";
import { MemoryQueue } from "./memory-queue.ts";

/** A broker for simulated processes. Each acknowledgement is a point at which its process may be killed. */
export class MortalBroker {
  /** True while the broker refuses all acknowledgements. */
  isAway = false;
  readonly deadLetters: { readonly id: string; readonly reason: string }[] = [];
  readonly #bodyOf: (id: string) => string;
  readonly #onDone: (id: string) => void;
  readonly #queue = new MemoryQueue({ describes: false });
  #session: object = {};
  #end: () => void = () => {};

  constructor(bodyOf: (id: string) => string, onDone: (id: string) => void) {
    this.#bodyOf = bodyOf;
    this.#onDone = onDone;
  }

  get isEmpty(): boolean {
    return this.#queue.isEmpty;
  }

  send(ids: readonly string[]): void {
    this.#queue.send(ids.map((id) => ({ id, body: this.#bodyOf(id), about: {} })));
  }

  /** Returns the messages of a killed process to the queue, at random places. */
  comesAgain(random: Random): void {
    this.#end();
    this.#queue.endSession(this.#session, (waiting) => Math.floor(random.unit() * (waiting + 1)));
    this.#session = {};
  }

  /** Returns the queue as one process sees it. */
  source(life: ProcessWorld): QueueSource {
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
    const deliver = () => this.#queue.deliver(this.#session);
    const message = () => this.#message(life);
    return {
      address: "queue",
      async *deliveries() {
        for (;;) {
          const delivery = deliver();
          if (delivery === null) await message();
          else yield delivery;
        }
      },
      done: async (deliveries) => {
        if (this.isAway) throw new Error("the broker cannot be reached");
        await each("done", deliveries, (one: Delivery) => {
          const settled = this.#queue.settle(one);
          if (settled !== null) this.#onDone(settled.id);
        });
      },
      deadLetter: (failed) =>
        each("aside", failed, ({ delivery, reason }) => {
          const settled = this.#queue.settle(delivery);
          if (settled !== null) this.deadLetters.push({ id: settled.id, reason });
        }),
      release: async () => {},
      waiting: async () => null,
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async #message({ clock }: ProcessWorld): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = this.#queue.onMessages(() => {
        end();
        clock.after(1, resolve);
      });
      this.#end = end;
    });
  }
}
