import { Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { Transferred } from "../../shared/core/remote/peer.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { buffersOfTables, packBatch, unpackBatch } from "../../shared/dataset/packed-table.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { arrowFieldOf } from "../../shared/values/write-values.ts";
import { isPromise } from "./run/call-step.ts";
import { checkStep, type LoadedStep } from "./run/loaded-step.ts";
import { runBatch } from "./run/run-batch.ts";
import { runRows } from "./run/run-rows.ts";
import type { FailedRow, RowsMade } from "./run/run-task.ts";
import { describeThrown } from "./run/user-error.ts";
import type { ModuleAnswer, ModuleMethods, ModuleRun } from "./threads/module-thread-client.ts";
import { ALL_ROWS, NO_ROW } from "./threads/user-thread-protocol.ts";
import { UserThreadHost } from "./user-thread-host.ts";

/** Script of a thread that runs a user's own code as a step. `ModuleThread` starts it. */

const host = new UserThreadHost();
const { where } = host;

/** Limit of `open`. Higher than a row's limit, because `open` may load a dictionary or a model. */
const OPEN_LIMIT_MS = 300_000;

const loading = host.load(checkStep);
loading.catch(() => {});
let opening: Promise<unknown> | null = null;

serveOwner<ModuleMethods>({ load: async () => (await loading).declaration, run }, close);

/** @throws {STEP_FAILED} when `open` throws or takes too long */
async function open({ open: opens }: LoadedStep): Promise<unknown> {
  const late = AbortSignal.timeout(OPEN_LIMIT_MS);
  try {
    const state = opens?.({ where, signal: late });
    if (!isPromise(state)) return state;
    const isLate = new Promise<never>((_, reject) => {
      late.addEventListener("abort", () => reject(new Error(`took longer than ${OPEN_LIMIT_MS / 1000} s`)));
    });
    return await Promise.race([state, isLate]);
  } catch (error) {
    throw stepFailed(`\`open\` failed: ${describeThrown(error)}`, error);
  }
}

async function run(requested: ModuleRun): Promise<Transferred<ModuleAnswer>> {
  const step = await loading;
  opening ??= open(step);
  const state = await opening;
  const { declaration } = step;
  const rows = await (declaration.kind === "row" ? runRows : runBatch)({
    step,
    batch: unpackBatch(requested.batch),
    lost: requested.lost,
    concurrency: requested.isCareful ? 1 : declaration.concurrency,
    state,
    where,
    onCall: (row) => {
      host.tick();
      host.atRow(row ?? ALL_ROWS);
    },
  });
  host.atRow(NO_ROW);
  const wanted = requested.made.map((name) =>
    declaration.columns.findIndex((column) => column.name === name),
  );
  const fields = wanted.map((at) => arrowFieldOf(present(declaration.columns[at], "a column of the step")));
  const columns = wanted.map((at) => present(rows.columns[at], "a column of the step"));
  const made = packBatch(recordBatchOf(new Schema(fields), rows.sources.length, columns));
  const sources = Uint32Array.from(rows.sources);
  return new Transferred({ made, sources, failed: placed(rows) }, [...buffersOfTables(made), sources.buffer]);
}

function placed({ sources, failed }: RowsMade): readonly FailedRow[] {
  const places = new Map(sources.map((source, at) => [source, at]));
  return failed.map((row) => ({
    ...row,
    row: present(places.get(row.row), "a row that failed has a place"),
  }));
}

async function close(): Promise<void> {
  try {
    const step = await loading;
    if (opening !== null) await step.close?.(await opening);
  } catch (error) {
    process.emitWarning(`${where}: \`close\` failed: ${describeThrown(error)}`);
  }
}

function stepFailed(what: string, cause: unknown): ShardmillError {
  return new ShardmillError("STEP_FAILED", `${where}: ${what}`, { fields: { where }, cause });
}
