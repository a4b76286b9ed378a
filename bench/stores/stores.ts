import type { CommandModule } from "yargs";
import { startS3Server } from "../../test/support/s3-server.ts";
import { report } from "../report/report.ts";
import { WORKLOADS } from "../workloads/workload.ts";
import { fetchServers } from "./foreign-servers.ts";
import { jobsTable, measureJobs } from "./jobs-from-store.ts";
import { installClients, measureTransfers, transfersTable } from "./transfers.ts";

interface StoresArguments {
  readonly rounds: number;
  readonly mib: number;
  readonly names: number;
  readonly jobs: readonly string[];
  readonly rows: number | undefined;
  readonly latency: number;
}

export const storesBench: CommandModule<object, StoresArguments> = {
  command: "stores",
  describe:
    "An S3 store (versitygw) by our own client, the AWS SDK and obstore; jobs from it against local ones (aim: flights 1.3 x, others 1.02 x)",
  builder: (yargs) =>
    yargs.options({
      rounds: { type: "number", default: 3, describe: "Rounds. Each runs everything once" },
      mib: { type: "number", default: 512, describe: "MiB to read and to put in each run (0: no transfers)" },
      names: { type: "number", default: 20_000, describe: "Objects to list" },
      jobs: {
        type: "string",
        choices: [...WORKLOADS, "none"],
        array: true,
        default: ["flights", "encoder", "vision"],
        describe: "Whole jobs from the store; none: only transfers",
      },
      rows: { type: "number", describe: "Rows of each job. Default: its own number" },
      latency: {
        type: "number",
        default: 30,
        describe: "Milliseconds added to each answer, for jobs",
      },
    }),
  handler: runStores,
};

async function runStores({ rounds, mib, names, jobs, rows, latency }: StoresArguments): Promise<void> {
  process.env.SHARDMILL_FOREIGN = fetchServers();
  await using server = await startS3Server();
  const options = { rounds, mib, names, jobs, rows: rows ?? "the workload's own", latency };
  if (mib > 0) {
    const found = await measureTransfers(server, installClients(), { rounds, mib, names });
    report({
      bench: "stores-transfers",
      about: "the same objects of one server on this machine, by clients in processes of their own",
      options,
      table: transfersTable(found),
      notes: [
        "the server uses the same cores, equally for all. CPU time is that of the client, without its start",
        "every client has each byte in memory at the end. The server checks a SHA-256 of each put, which obstore and the SDK compute while sending, and ours before",
      ],
    });
  }
  const only = WORKLOADS.filter((name) => jobs.includes(name));
  if (only.length === 0) return;
  const found = await measureJobs(server, { only, rounds, rows, latencyMs: latency });
  report({
    bench: "stores-jobs",
    about: `whole jobs with their input in a bucket whose answers take ${latency} ms longer, against the same on a local disk`,
    options,
    table: jobsTable(found),
    notes: ["wall time is that of the whole command. The server and the delaying proxy use the same cores"],
  });
}
