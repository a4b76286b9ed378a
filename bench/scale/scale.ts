import type { CommandModule } from "yargs";
import { report } from "../report/report.ts";
import { prepareWorkload } from "../workloads/workload.ts";
import { localPlot, localTable, scaleLocalWorkers } from "./local-workers.ts";
import { measureMemoryGrowth, memoryPlot, memoryTable } from "./memory-growth.ts";
import { measureStart, startPlot, startTable } from "./start-times.ts";
import { fleetPlot, fleetTable, scaleWaitingFleet } from "./waiting-fleet.ts";

const PARTS = ["local", "fleet", "memory", "start"] as const;

interface ScaleArguments {
  readonly parts: readonly (typeof PARTS)[number][];
  readonly rounds: number;
  readonly rows: number;
  readonly "shard-ms": number;
  readonly "fleet-sizes": readonly number[];
}

export const scaleBench: CommandModule<object, ScaleArguments> = {
  command: "scale",
  describe: "Efficiency with more workers, memory with more rows, and time to the first row",
  builder: (yargs) =>
    yargs
      .option("parts", {
        array: true,
        choices: PARTS,
        default: [...PARTS],
        describe:
          "local: workers on this machine; fleet: up to 256 waiting workers; memory: ten times the rows; start",
      })
      .option("rounds", { type: "number", default: 3, describe: "Rounds of the parts with real models" })
      .option("rows", {
        type: "number",
        default: 3_000_000,
        describe: "Rows of the larger dataset of `memory`",
      })
      .option("shard-ms", {
        type: "number",
        default: 2_000,
        describe: "Milliseconds that a lane of `fleet` waits for a shard",
      })
      .option("fleet-sizes", {
        type: "number",
        array: true,
        default: [1, 4, 16, 64, 256],
        describe: "Workers of each fleet",
      }),
  handler: runScale,
};

const SHARDS_PER_WORKER = 15;

async function runScale(args: ScaleArguments): Promise<void> {
  const { rounds } = args;
  const wanted = new Set(args.parts);
  if (wanted.has("local")) {
    const found = await scaleLocalWorkers(await prepareWorkload("vision"), rounds);
    report({
      bench: "scale-local",
      about: "vision, worker processes of one lane and one thread each",
      options: { rounds },
      table: localTable(found),
      plot: localPlot(found),
    });
  }
  if (wanted.has("fleet")) {
    const options = {
      sizes: args["fleet-sizes"],
      shardMs: args["shard-ms"],
      shardsPerWorker: SHARDS_PER_WORKER,
    };
    const runs = await scaleWaitingFleet(options);
    report({
      bench: "scale-fleet",
      about: "workers whose lanes wait instead of computing, against one coordinator",
      options,
      table: fleetTable(runs),
      plot: fleetPlot(runs),
    });
  }
  if (wanted.has("memory")) {
    const found = await measureMemoryGrowth("flights", args.rows, rounds);
    report({
      bench: "scale-memory",
      about: "the peak memory of a whole run, as the dataset grows ten times (aim: within 20 %)",
      options: { rounds, rows: args.rows },
      table: memoryTable(found),
      plot: memoryPlot(found),
    });
  }
  if (wanted.has("start")) {
    const workload = await prepareWorkload("encoder", { rows: 512 });
    const found = await measureStart(workload, rounds);
    report({
      bench: "scale-start",
      about: "from the command to busy lanes (aim: the loading of the model, and 1 s)",
      options: { rounds },
      table: startTable(workload.name, found),
      plot: startPlot(workload.name, found),
    });
  }
}
