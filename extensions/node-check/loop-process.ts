import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { Remote } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import { answerIsolated } from "../../shared/onnx/isolated.ts";
import { createSession } from "../../shared/onnx/session.ts";
import { placementOf } from "./figures.ts";
import { loopBatches, loopSizes } from "./loop-batches.ts";
import type { LoopModel, LoopSpeed, LoopTask, LoopThread, Placement } from "./loop-protocol.ts";

// Entry point of the process that runs models alone. A provider may crash it.

/** Share of the measured time for each batch size of the search. */
const TRIAL_SHARE = 0.1;
/** Sizes in a row without gain, after which larger ones are not tried. */
const PATIENCE = 2;
const CLOSE_MS = 1_000;
const PROFILED_ROWS = 4;

answerIsolated(async (argument) => {
  const task = argument as LoopTask;
  return task.kind === "speed" ? await speedOf(task) : await findPlacement(task.model, task.folder);
});

async function speedOf(task: Extract<LoopTask, { kind: "speed" }>): Promise<LoopSpeed> {
  const script = compiledUrl("extensions/node-check/loop-thread.ts");
  const lanes = Array.from({ length: task.lanes }, () => new Remote<LoopThread>(new ThreadLink(script)));
  const rateOf = async (batchRows: number, ms: number) => {
    const runs = lanes.map((lane) => lane.call("run", { batchRows, ms }, { signal: NEVER }));
    const done = await Promise.all(runs);
    return {
      batchRows,
      rowsPerSecond: done.reduce((sum, run) => sum + (1_000 * run.rows) / run.ms, 0),
      ms: Math.min(...done.map((run) => run.ms)),
    };
  };
  await Promise.all(lanes.map((lane) => lane.call("open", task.model, { signal: NEVER })));
  let best = { rowsPerSecond: 0, batchRows: 1, ms: 0 };
  let withoutGain = 0;
  for (const batchRows of loopSizes(task.model)) {
    const trial = await rateOf(batchRows, TRIAL_SHARE * task.measureMs).catch(noMemory);
    if (trial === null) break;
    withoutGain = trial.rowsPerSecond > best.rowsPerSecond ? 0 : withoutGain + 1;
    if (withoutGain === 0) best = trial;
    // A slow device, such as a software driver, would take minutes for larger batches.
    if (withoutGain === PATIENCE || trial.ms >= task.measureMs) break;
  }
  const isMeasured = best.ms >= task.measureMs;
  const { rowsPerSecond } = isMeasured ? best : await rateOf(best.batchRows, task.measureMs);
  await Promise.all(lanes.map((lane) => lane.close(CLOSE_MS)));
  return { rowsPerSecond, batchRows: best.batchRows };
}

function noMemory(error: unknown): null {
  if (isShardmillError(error, "OUT_OF_MEMORY")) return null;
  throw error;
}

/** Runs a small batch once, and reads from ONNX Runtime's profile where its operators ran. */
async function findPlacement(model: LoopModel, folder: string): Promise<Placement> {
  const { device, threads, modelPath, output } = model;
  {
    const profilePrefix = join(folder, "profile");
    await using session = await createSession(modelPath, { device, threads, profilePrefix });
    const [batch = {}] = loopBatches(model, PROFILED_ROWS);
    await session.run(batch, [output]);
  }
  const [name = ""] = (await readdir(folder)).filter((each) => each.startsWith("profile"));
  return placementOf(JSON.parse(await readFile(join(folder, name), "utf8")));
}
