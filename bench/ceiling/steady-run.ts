import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { readManifest } from "../../coordinator/publish/read-manifest.ts";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { MANIFEST_NAME } from "../../shared/domain/manifest.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import type { CliProcess } from "../../test/support/processes.ts";
import { startCli } from "../../test/support/processes.ts";
import type { Workload } from "../workloads/workload.ts";
import { type RunPhases, runPhases } from "./steady-rate.ts";

export interface SteadyRun extends RunPhases {
  /** What the run chose for itself. */
  readonly lanes: number;
  readonly threadsPerLane: number;
  readonly shards: number;
  readonly bottleneck: string | null;
}

const LIMIT_MS = 3_600_000;
const LOOK_MS = 1_000;

/** Where a bench's runs publish to: beside the workload, away from anybody else who runs the same job. */
export function outputFolder({ folder }: Workload): string {
  return join(folder, `out-ceiling-${process.pid}`);
}

/**
 * `shardmill run` of the workload in a process of its own, from nothing to the published output, which stays.
 * When a shard was whole is the time at which its file was last written: it is published by renames, which
 * leave that time alone. So nothing looks on while it runs but for one call a second, which asks for the
 * lanes.
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
  const manifest = await readManifest(
    parseLocation(join(output, MANIFEST_NAME)),
    createLocalStorage(),
    NEVER,
  );
  if (manifest.rows.output !== workload.rows)
    throw new Error(`${manifest.rows.output} of ${workload.rows} rows came out`);
  const files = manifest.files.filter(({ kind }) => kind === "rows");
  const completions = await Promise.all(
    files.map(async ({ path, rows }) => ({ atMs: (await stat(join(output, path))).mtimeMs, rows })),
  );
  const phases = runPhases(completions, { startMs, endMs });
  return { ...phases, ...lanes, shards: manifest.shards, bottleneck: JSON.parse(stdout).bottleneck };
}

/** The lanes of the local worker, as it says itself while it runs. */
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
