import type { RecordBatch, Schema } from "apache-arrow";
import { NEVER } from "../../shared/core/abort.ts";
import { ResourceStack } from "../../shared/core/resource-stack.ts";
import { plainCopy } from "../../shared/dataset/plain-batch.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { type LocalModel, openLocalModel, withLocalCode } from "../../worker/job/local-model.ts";
import { connectLanes } from "../../worker/lanes/lane-pool.ts";
import { startLanes } from "../../worker/lanes/lane-set.ts";
import type { Lanes } from "../../worker/lanes/lanes.ts";
import { BusyMeter } from "../../worker/meter/busy-meter.ts";
import { InputFiles } from "../../worker/read/input-files.ts";
import { ShardInput } from "../../worker/read/shard-input.ts";
import { UnreadableRows } from "../../worker/read/unreadable-rows.ts";
import { openWays } from "../../worker/read/ways.ts";
import type { RowTrace } from "./row-trace.ts";
import { RowTracer } from "./row-tracer.ts";
import type { TriedSlice, TryTask } from "./try-protocol.ts";

/**
 * Runs rows through a worker's pipeline, each alone, and traces them.
 *
 * @throws the errors of a run over these rows before it reads them
 */
export async function* tryRows(task: TryTask): AsyncGenerator<RowTrace, void, undefined> {
  const { scratchPath } = task;
  const { device, threadsPerLane: threads, allowsModules } = task.worker;
  const local = {
    from: ["shared"] as const,
    coordinator: null,
    copies: { path: scratchPath },
  };
  const [model, code] = await Promise.all([
    task.job.model === null ? null : openLocalModel(task.job.model, local),
    withLocalCode({ ...local, job: task.job, allowsModules: allowsModules === true }),
  ]);
  const job: JobDescription = { ...task.job, ...code };
  await using set =
    model === null ? null : await startLanes({ modelPath: model.path, device, lanes: 1, threads }, NEVER);
  using lanes = set === null ? null : connectLanes(set.connect());
  const models = (task.job.stages ?? []).map((stage) => openLocalModel(stage.model, local));
  await using opened = await openStageLanes(await Promise.all(models), { device, threads });
  const { stages } = opened;
  await using tracer = new RowTracer({ job, lanes, stages, scratchPath, preview: task.preview });
  await using ways = openWays([{ kind: "shared" }], job);
  await using files = new InputFiles({ ways: ways.ways, meter: new BusyMeter(() => 0) });
  for (const slice of task.slices) {
    const read = await readSlice(slice, files, job.map.columns);
    for (const [at, { batch, unreadable }] of read.rows.entries()) {
      yield await tracer.trace(batch, {
        schema: read.schema,
        unreadable,
        row: slice.row + at,
        place: { ...slice, rowStart: slice.rowStart + at, rowEnd: slice.rowStart + at + 1 },
      });
    }
  }
}

/** Opens the lanes of the stages before the last one. */
async function openStageLanes(
  models: readonly LocalModel[],
  layout: Pick<Parameters<typeof startLanes>[0], "device" | "threads">,
): Promise<AsyncDisposable & { readonly stages: readonly Lanes[] }> {
  const resources = new ResourceStack();
  const stages: Lanes[] = [];
  try {
    for (const { path: modelPath } of models) {
      const set = resources.add(await startLanes({ modelPath, ...layout, lanes: 1 }, NEVER));
      stages.push(connectLanes(set.connect()));
    }
    return { stages, [Symbol.asyncDispose]: () => resources.release() };
  } catch (error) {
    await resources.release();
    throw error;
  }
}

interface ReadRow {
  /** Batch of the single row, whose memory its consumer may release. */
  readonly batch: RecordBatch;
  readonly unreadable: UnreadableRows;
}

async function readSlice(
  slice: TriedSlice,
  files: InputFiles,
  columns: readonly string[],
): Promise<{ readonly schema: Schema; readonly rows: readonly ReadRow[] }> {
  using input = await ShardInput.open([slice], files, { signal: NEVER, onFile: () => {} });
  const rows: ReadRow[] = [];
  for await (const batch of input.read(columns, NEVER)) {
    for (let row = 0; row < batch.numRows; row += 1) {
      const unreadable = new UnreadableRows();
      for (const { message } of input.unreadable.take(rows.length, rows.length + 1))
        unreadable.note(0, message);
      rows.push({ batch: plainCopy(batch, row, row + 1), unreadable });
    }
  }
  await input.confirm(NEVER);
  return { schema: input.schema, rows };
}
