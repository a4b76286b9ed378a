import { Schema } from "apache-arrow";
import { assertNever, present } from "../core/assert.ts";
import { errorToData, ShardmillError } from "../core/errors.ts";
import { buffersOfTables, packBatch, unpackBatch } from "../dataset/packed-table.ts";
import { recordBatchOf } from "../dataset/record-batch.ts";
import { isPromise } from "./call-step.ts";
import { checkStep, type LoadedStep } from "./loaded-step.ts";
import type { ModuleCommand, ModuleEvent } from "./module-protocol.ts";
import { runBatch } from "./run-batch.ts";
import { runRows } from "./run-rows.ts";
import type { FailedRow, RowsMade } from "./run-task.ts";
import { describeThrown } from "./user-error.ts";
import { UserThreadHost } from "./user-thread-host.ts";
import { ALL_ROWS, NO_ROW } from "./user-thread-protocol.ts";
import { arrowFieldOf } from "./write-values.ts";

/** A thread that runs a user's own code as a step. Started by `ModuleThread`. */

const host = new UserThreadHost();
const { port, where } = host;

/** A dictionary or a model may be loaded: longer than a row takes. */
const OPEN_LIMIT_MS = 300_000;

const loading = host.load(checkStep);
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

function post(event: ModuleEvent, transfer: ArrayBuffer[] = []): void {
  port.postMessage(event, transfer);
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
        host.tick();
        host.atRow(row ?? ALL_ROWS);
      },
    });
    host.atRow(NO_ROW);
    const wanted = command.made.map((name) =>
      declaration.columns.findIndex((column) => column.name === name),
    );
    const fields = wanted.map((at) => arrowFieldOf(present(declaration.columns[at], "a column of the step")));
    const columns = wanted.map((at) => present(rows.columns[at], "a column of the step"));
    const made = packBatch(recordBatchOf(new Schema(fields), rows.sources.length, columns));
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
