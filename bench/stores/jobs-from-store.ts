import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TableData } from "../../shared/terminal/table.ts";
import { runCli } from "../../test/support/processes.ts";
import type { S3Server } from "../../test/support/s3-server.ts";
import { median, note, round } from "../report/report.ts";
import { prepareWorkload, type WorkloadName } from "../workloads/workload.ts";
import { INPUT_BUCKET, putInput } from "./put-input.ts";
import { openSlowWay } from "./slow-way.ts";

const LIMIT_MS = 1_800_000;

interface JobOptions {
  readonly only: readonly WorkloadName[];
  readonly rounds: number;
  readonly rows: number | undefined;
  readonly latencyMs: number;
}

interface JobTimes {
  readonly name: WorkloadName;
  readonly rows: number;
  readonly local: readonly number[];
  readonly store: readonly number[];
}

/** Times whole commands in turn: the job as it is, and with its input in a bucket that answers late. */
export async function measureJobs(
  server: S3Server,
  { only, rounds, rows, latencyMs }: JobOptions,
): Promise<readonly JobTimes[]> {
  await using way = await openSlowWay(server.env.AWS_ENDPOINT_URL ?? "", latencyMs);
  await using storage = server.storage();
  if (only.length > 0) await server.makeBucket(INPUT_BUCKET);
  const found: JobTimes[] = [];
  for (const name of only) {
    const workload = await prepareWorkload(name, rows === undefined ? {} : { rows });
    const folder = await putInput(workload, storage);
    const [local, store]: [number[], number[]] = [[], []];
    for (let at = 0; at < rounds; at += 1) {
      local.push(await timed(workload.jobPath, []));
      store.push(
        await timed(workload.jobPath, ["--set", `input.path=${folder}/*.parquet`], {
          ...server.env,
          AWS_ENDPOINT_URL: way.endpoint,
        }),
      );
      note(
        `round ${at + 1}, ${name}: ${local.at(-1)?.toFixed(2)} s local, ${store.at(-1)?.toFixed(2)} s from the store`,
      );
    }
    found.push({ name, rows: workload.rows, local, store });
  }
  return found;
}

export function jobsTable(found: readonly JobTimes[]): TableData {
  return {
    columns: ["workload", "rows", "local s", "from the store s", "times local, median", "each round"],
    rows: found.map(({ name, rows, local, store }) => {
      const ratios = store.map((seconds, at) => seconds / (local[at] ?? seconds));
      return [
        ...[name, rows, round(median(local)), round(median(store)), round(median(ratios))],
        ratios.map(round).join(", "),
      ];
    }),
  };
}

async function timed(
  jobPath: string,
  settings: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-bench-"));
  try {
    const args = ["run", jobPath, "--set", `output.path=${folder}/out`, ...settings];
    const { code, stderr, seconds } = await runCli(args, { limitMs: LIMIT_MS, env });
    if (code !== 0) throw new Error(`the job ended with ${code}: ${stderr}`);
    return seconds;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
