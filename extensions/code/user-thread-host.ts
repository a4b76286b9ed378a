import { pathToFileURL } from "node:url";
import { workerData } from "node:worker_threads";
import * as arrow from "apache-arrow";
import { orAbort } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import * as api from "./api.ts";
import { HOST_MODULES } from "./run/bundle-form.ts";
import { TypeFault } from "./run/column-types.ts";
import { describeThrown } from "./run/user-error.ts";
import { LOAD_LIMIT_MS, ROW, TICKS, type UserThreadOptions } from "./threads/user-thread-protocol.ts";

/** As long as the event loop turns, nothing hangs: what only waits has a time limit of its own. */
const TICK_MS = 100;

/**
 * The thread of a user's code, seen from within. It runs that code and nothing else, so that it can be ended
 * by force at any time: nothing of Shardmill's is inside a native call there.
 */
export class UserThreadHost {
  readonly where: string;
  readonly #path: string;
  readonly #cells: Int32Array;

  constructor() {
    const { path, where, progress } = workerData as UserThreadOptions;
    this.where = where;
    this.#path = path;
    this.#cells = new Int32Array(progress);
    process.setSourceMapsEnabled(true);
    Reflect.set(globalThis, HOST_MODULES, { shardmill: api, "apache-arrow": arrow });
    setInterval(() => this.tick(), TICK_MS).unref();
  }

  tick(): void {
    Atomics.add(this.#cells, TICKS, 1);
  }

  /** The row that the user's code is given now, ALL_ROWS or NO_ROW. */
  atRow(row: number): void {
    Atomics.store(this.#cells, ROW, row);
  }

  /**
   * Loads the bundle.
   *
   * @param check makes of its default export what it should be, or throws a TypeFault
   * @throws {STEP_INVALID}
   */
  async load<T>(check: (exported: unknown) => T): Promise<T> {
    const late = AbortSignal.timeout(LOAD_LIMIT_MS);
    try {
      const module = await orAbort(import(pathToFileURL(this.#path).href), late);
      return check(module.default);
    } catch (error) {
      const why = late.aborted
        ? `its code took longer than ${LOAD_LIMIT_MS / 1000} s`
        : describeThrown(error);
      const what = error instanceof TypeFault ? error.message : `cannot be loaded: ${why}`;
      throw new ShardmillError("STEP_INVALID", `${this.where}: ${what}`, {
        fields: { where: this.where },
        problems: [{ where: this.where, what }],
        cause: error,
      });
    }
  }
}
