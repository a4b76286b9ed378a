import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import type { CliProcess } from "../../test/support/processes.ts";
import { startCli } from "../../test/support/processes.ts";
import { manifestOf } from "../report/manifest-of.ts";
import type { Workload } from "../workloads/workload.ts";
import { type RunPhases, runPhases } from "./steady-rate.ts";

export interface SteadyRun extends RunPhases {
  /** Lanes that the run chose. */
  readonly lanes: number;
  readonly threadsPerLane: number;
  readonly shards: number;
  readonly bottleneck: string | null;
}

const LIMIT_MS = 3_600_000;
const LOOK_MS = 1_000;

/** Returns the folder for a bench's runs: beside the workload, and private to this process. */
export function outputFolder({ folder }: Workload): string {
  return join(folder, `out-ceiling-${process.pid}`);
}

/**
 * Runs `shardmill run` of the workload in a separate process, up to the published output, which stays. A
 * file's last write is its shard's completion time, because publishing by renames keeps that time. So only
 * one call a second, for the lanes, disturbs the run.
 */
export async function steadyRun(workload: Workload, sets: readonly string[]): Promise<SteadyRun> {
  const output = outputFolder(workload);
  await rm(output, { recursive: true, force: true });
  const settings = [`output.path=${output}`, ...sets].flatMap((set) => ["--set", set]);
  const startMs = Date.now();
  await using cli = startCli(
    ["run", workload.jobPath, "--fresh", "--json", "--log-level", "error", ...settings],
    { limitMs: LIMIT_MS },
  );
  const lanes = await watchLanes(cli);
  const { code, stderr, stdout } = await cli.ended;
  const endMs = Date.now();
  if (code !== 0) throw new Error(`shardmill run ended with ${code}: ${stderr}`);
  const manifest = await manifestOf(output);
  if (manifest.rows.output !== workload.rows)
    throw new Error(`${manifest.rows.output} of ${workload.rows} rows were written`);
  const files = manifest.files.filter(({ kind }) => kind === "rows");
  const completions = await Promise.all(
    files.map(async ({ path, rows }) => ({ atMs: (await stat(join(output, path))).mtimeMs, rows })),
  );
  const phases = runPhases(completions, { startMs, endMs });
  return { ...phases, ...lanes, shards: manifest.shards, bottleneck: JSON.parse(stdout).bottleneck };
}

/** Reads the lanes of the local worker while it runs. */
async function watchLanes(cli: CliProcess): Promise<{ lanes: number; threadsPerLane: number }> {
  const [, address = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
  const client = connectCoordinator(address, userCredential());
  let known = { lanes: 0, threadsPerLane: 0 };
  let ended = false;
  void cli.ended
    .catch(() => {})
    .finally(() => {
      ended = true;
    });
  try {
    while (!ended) {
      const workers = await client.workers.listWorkers(NEVER).catch(() => []);
      const lanes = workers.reduce((sum, worker) => sum + worker.lanes, 0);
      if (lanes > 0) known = { lanes, threadsPerLane: workers[0]?.threadsPerLane ?? 1 };
      await Promise.race([cli.ended.catch(() => {}), sleep(LOOK_MS, NEVER)]);
    }
  } finally {
    client.close();
  }
  if (known.lanes === 0) throw new Error("the run ended before its worker was seen: give more rows");
  return known;
}
