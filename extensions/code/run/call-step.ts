import { describeThrown } from "./user-error.ts";

/** Context of one call of the user's code. The signal is created on first access. */
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
 * Calls the user's code. A result that is no promise is returned directly, so synchronous steps need no
 * event-loop turn per row. A promise rejects after `limitMs`.
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

/** Formats the error that a step threw for a row. */
export function thrownMessage(where: string, error: unknown): string {
  return `${where}: ${describeThrown(error)}`;
}
