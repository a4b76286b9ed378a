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

/**
 * Interval of ticks. While the event loop turns, the thread does not hang, and waiting code has its own time
 * limit.
 */
const TICK_MS = 100;

/**
 * Host of a user's code, inside its thread. The thread runs nothing else, so it can be ended at any time: no
 * native call of Shardmill is interrupted.
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

  /** Stores the row that the user's code gets now, ALL_ROWS or NO_ROW. */
  atRow(row: number): void {
    Atomics.store(this.#cells, ROW, row);
  }

  /**
   * Loads the bundle.
   *
   * @param check converts the default export, or throws a TypeFault
   * @throws {STEP_INVALID} when the bundle cannot be loaded, or its export is invalid
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
