import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandModule } from "yargs";
import {
  BUCKET_SERVERS,
  type BucketServer,
  type BucketServerName,
} from "../../test/support/bucket-server.ts";
import { compareOutputs } from "../../test/support/compare-outputs.ts";
import { runInBucket, runOnDisk, workloadJob } from "../../test/support/moved-job.ts";
import { startSeaweedBucket } from "../../test/support/seaweed-server.ts";
import { note, report, round } from "../report/report.ts";
import { prepareWorkload, TENSOR_WORKLOADS, type TensorWorkloadName } from "../workloads/workload.ts";
import { fetchServers } from "./foreign-servers.ts";

/** Store whose build takes minutes, so it runs only when named. */
const SLOWLY_BUILT = "SeaweedFS";

type StoreName = BucketServerName | typeof SLOWLY_BUILT;

const USUAL = Object.keys(BUCKET_SERVERS) as BucketServerName[];

interface Arguments {
  readonly stores: readonly StoreName[];
  readonly workload: TensorWorkloadName;
  readonly rows: number | undefined;
}

export const betweenBucketsBench: CommandModule<object, Arguments> = {
  command: "between-buckets",
  describe:
    "A job that reads from a bucket and publishes to it, on each store, against the same job on a disk: equal rows",
  builder: (yargs) =>
    yargs.options({
      stores: {
        choices: [...USUAL, SLOWLY_BUILT] as const,
        array: true,
        default: USUAL as StoreName[],
        describe: `Only these stores. ${SLOWLY_BUILT} runs only if named`,
      },
      workload: { choices: TENSOR_WORKLOADS, default: "flights" as const, describe: "Workload of the job" },
      rows: { type: "number", describe: "Rows. Default: the workload's own number" },
    }),
  handler: runBetweenBuckets,
};

async function startStore(store: StoreName): Promise<BucketServer> {
  process.env.SHARDMILL_FOREIGN = fetchServers(store === SLOWLY_BUILT ? "seaweedfs" : "stores");
  return store === SLOWLY_BUILT ? await startSeaweedBucket() : await BUCKET_SERVERS[store]();
}

async function runBetweenBuckets({ stores, workload: name, rows }: Arguments): Promise<void> {
  const workload = await prepareWorkload(name, rows === undefined ? {} : { rows });
  const job = workloadJob(workload);
  const folder = await mkdtemp(join(tmpdir(), "shardmill-bench-"));
  try {
    const local = join(folder, "disk");
    const localSeconds = await runOnDisk(job, local);
    const found: (string | number)[][] = [];
    for (const store of stores) {
      const out = join(folder, "out");
      await using server = await startStore(store);
      const seconds = await runInBucket(job, server, { out, scratch: join(folder, store) });
      const compared = await compareOutputs(local, out);
      found.push([
        store,
        compared.rows,
        round(localSeconds),
        round(seconds),
        compared.differences.join("; ") || "none",
      ]);
      note(`${store}: ${seconds.toFixed(2)} s, ${localSeconds.toFixed(2)} s on a disk`);
    }
    report({
      bench: "between-buckets",
      about: `${name}, read from a bucket and published to it, against the same job on a disk`,
      options: { stores, workload: name, rows: workload.rows },
      table: { columns: ["store", "rows", "on a disk s", "bucket to bucket s", "differences"], rows: found },
      notes: ["wall time is that of the whole command. The server uses the same cores"],
    });
    if (found.some((row) => row.at(-1) !== "none")) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
