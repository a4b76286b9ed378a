/**
 * Turns of the processes of one supervisor at what each of them would do alike, and one is enough for: to
 * fetch a model. They are asked for by name, and given in the order of asking.
 */
export type TurnRequest =
  | { readonly kind: "wantsTurn"; readonly name: string }
  | { readonly kind: "endsTurn"; readonly name: string };
export type TurnGrant = { readonly kind: "turn"; readonly name: string };

/** The supervisor's side: who has which turn, and who waits for it. */
export class Turns<Who> {
  /** The first has the turn. */
  readonly #queues = new Map<string, { readonly who: Who; readonly grant: () => void }[]>();

  want(who: Who, name: string, grant: () => void): void {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    queue.push({ who, grant });
    if (queue.length === 1) grant();
  }

  end(who: Who, name: string): void {
    this.#leave(who, name);
  }

  /** It has ended, however: its turns are others' now. */
  gone(who: Who): void {
    for (const name of [...this.#queues.keys()]) this.#leave(who, name);
  }

  #leave(who: Who, name: string): void {
    const before = this.#queues.get(name) ?? [];
    const left = before.filter((one) => one.who !== who);
    if (left.length === 0) this.#queues.delete(name);
    else this.#queues.set(name, left);
    if (left[0] !== before[0]) left[0]?.grant();
  }
}

/** The process's side. */
export class TurnTaker {
  readonly #send: (request: TurnRequest) => void;
  readonly #waiting = new Map<string, () => void>();

  constructor(send: (request: TurnRequest) => void) {
    this.#send = send;
  }

  /** Resolves when it is this process's turn, with what ends it. Nobody here asks twice for one. */
  readonly take = async (name: string): Promise<() => void> => {
    await new Promise<void>((resolve) => {
      this.#waiting.set(name, resolve);
      this.#send({ kind: "wantsTurn", name });
    });
    return () => this.#send({ kind: "endsTurn", name });
  };

  granted({ name }: TurnGrant): void {
    this.#waiting.get(name)?.();
    this.#waiting.delete(name);
  }
}
