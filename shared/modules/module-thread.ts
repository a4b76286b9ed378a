import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import * as arrow from "apache-arrow";
import { assertNever, present } from "../core/assert.ts";
import { errorToData, ShardmillError } from "../core/errors.ts";
import { buffersOfTables, packBatch, unpackBatch } from "../dataset/packed-table.ts";
import { recordBatchOf } from "../dataset/record-batch.ts";
import { HOST_MODULES } from "./bundle-form.ts";
import { isPromise } from "./call-step.ts";
import * as api from "./define-step.ts";
import { checkStep, type LoadedStep } from "./loaded-step.ts";
import {
  ALL_ROWS,
  type ModuleCommand,
  type ModuleEvent,
  type ModuleThreadOptions,
  NO_ROW,
  ROW,
  TICKS,
} from "./module-protocol.ts";
import { runBatch } from "./run-batch.ts";
import { runRows } from "./run-rows.ts";
import type { FailedRow, RowsMade } from "./run-task.ts";
import { describeThrown } from "./user-error.ts";
import { TypeFault } from "./value-type.ts";
import { arrowFieldOf } from "./write-values.ts";

/**
 * A thread that runs a user's own code and nothing else, so that it can be ended by force at any time:
 * nothing of Shardmill's is inside a native call here. Started by `ModuleThread`.
 */

const port = present(parentPort, "a module thread has a parent");
const { path, where, progress } = workerData as ModuleThreadOptions;
const cells = new Int32Array(progress);

/** As long as the event loop turns, nothing hangs: a row that only waits has a time limit of its own. */
const TICK_MS = 100;
/** A dictionary or a model may be loaded: longer than a row takes. */
const OPEN_LIMIT_MS = 300_000;

process.setSourceMapsEnabled(true);
Reflect.set(globalThis, HOST_MODULES, { shardmill: api, "apache-arrow": arrow });
setInterval(tick, TICK_MS).unref();
const loading = load();
loading.then(
  ({ declaration }) => post({ kind: "loaded", declaration }),
  (error: unknown) => post({ kind: "broken", error: errorToData(error) }),
);
let opening: Promise<unknown> | null = null;

port.on("message", (command: ModuleCommand) => {
  switch (command.kind) {
    case "run":
      void answer(command);
      return;
    case "end":
      void end();
      return;
    default:
      assertNever(command);
  }
});

function tick(): void {
  Atomics.add(cells, TICKS, 1);
}

function post(event: ModuleEvent, transfer: ArrayBuffer[] = []): void {
  port.postMessage(event, transfer);
}

/** @throws {STEP_INVALID} */
async function load(): Promise<LoadedStep> {
  try {
    const module = await import(pathToFileURL(path).href);
    return checkStep(module.default);
  } catch (error) {
    const what = error instanceof TypeFault ? error.message : `cannot be loaded: ${describeThrown(error)}`;
    throw new ShardmillError("STEP_INVALID", `${where}: ${what}`, {
      fields: { where },
      problems: [{ where, what }],
      cause: error,
    });
  }
}

/** @throws {STEP_FAILED} */
async function open({ open: run }: LoadedStep): Promise<unknown> {
  const late = AbortSignal.timeout(OPEN_LIMIT_MS);
  try {
    const state = run?.({ where, signal: late });
    if (!isPromise(state)) return state;
    const isLate = new Promise<never>((_, reject) => {
      late.addEventListener("abort", () => reject(new Error(`took longer than ${OPEN_LIMIT_MS / 1000} s`)));
    });
    return await Promise.race([state, isLate]);
  } catch (error) {
    throw stepFailed(`\`open\` failed: ${describeThrown(error)}`, error);
  }
}

async function answer(command: Extract<ModuleCommand, { kind: "run" }>): Promise<void> {
  try {
    const step = await loading;
    opening ??= open(step);
    const state = await opening;
    const { declaration } = step;
    const rows = await (declaration.kind === "row" ? runRows : runBatch)({
      step,
      batch: unpackBatch(command.batch),
      lost: command.lost,
      concurrency: command.isCareful ? 1 : declaration.concurrency,
      state,
      where,
      onCall: (row) => {
        tick();
        Atomics.store(cells, ROW, row ?? ALL_ROWS);
      },
    });
    Atomics.store(cells, ROW, NO_ROW);
    const wanted = command.made.map((name) =>
      declaration.columns.findIndex((column) => column.name === name),
    );
    const fields = wanted.map((at) => arrowFieldOf(present(declaration.columns[at], "a column of the step")));
    const columns = wanted.map((at) => present(rows.columns[at], "a column of the step"));
    const made = packBatch(recordBatchOf(new arrow.Schema(fields), rows.sources.length, columns));
    const sources = Uint32Array.from(rows.sources);
    post({ kind: "done", made, sources, failed: placed(rows) }, [...buffersOfTables(made), sources.buffer]);
  } catch (error) {
    post({ kind: "failed", error: errorToData(error) });
  }
}

function placed({ sources, failed }: RowsMade): readonly FailedRow[] {
  const places = new Map(sources.map((source, at) => [source, at]));
  return failed.map((row) => ({
    ...row,
    row: present(places.get(row.row), "a row that failed has a place"),
  }));
}

async function end(): Promise<void> {
  try {
    const step = await loading;
    if (opening !== null) await step.close?.(await opening);
  } catch (error) {
    process.emitWarning(`${where}: \`close\` failed: ${describeThrown(error)}`);
  } finally {
    port.close();
  }
}

function stepFailed(what: string, cause: unknown): ShardmillError {
  return new ShardmillError("STEP_FAILED", `${where}: ${what}`, { fields: { where }, cause });
}
