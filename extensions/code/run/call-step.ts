import { describeThrown } from "./user-error.ts";

/** What a call of the user's code is given beside its rows. The signal is made when somebody looks at it. */
class CallContext {
  readonly where: string;
  readonly state: unknown;
  #abort: AbortController | null = null;

  constructor(where: string, state: unknown) {
    this.where = where;
    this.state = state;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  abort(reason: Error): void {
    this.#abort?.abort(reason);
  }
}

interface CallOptions {
  readonly where: string;
  readonly state: unknown;
  readonly limitMs: number;
}

/**
 * Calls the user's code. What is not a promise is returned as it is, so that a step that does not wait costs
 * no turn of the event loop a row; a promise is given up after `limitMs`.
 *
 * @throws whatever the code throws
 */
export function callStep(
  run: (given: unknown, context: object) => unknown,
  given: unknown,
  { where, state, limitMs }: CallOptions,
): unknown {
  const context = new CallContext(where, state);
  const result = run(given, context);
  return isPromise(result) ? untilLate(result, context, limitMs) : result;
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function untilLate(result: PromiseLike<unknown>, context: CallContext, limitMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const late = new Error(tooLong(limitMs));
      late.stack = "";
      context.abort(late);
      reject(late);
    }, limitMs);
    const settled = <T>(settle: (value: T) => void) => {
      return (value: T) => {
        clearTimeout(timer);
        settle(value);
      };
    };
    result.then(settled(resolve), settled(reject));
  });
}

function tooLong(limitMs: number): string {
  return `took longer than ${limitMs / 1000} s`;
}

/** Of a row that the step threw for. */
export function thrownMessage(where: string, error: unknown): string {
  return `${where}: ${describeThrown(error)}`;
}
