import type { CommandModule } from "yargs";
import { report, round } from "../report/report.ts";
import { pairedPlot, pairedRuns, pairedTable, type Variant } from "./paired-runs.ts";

interface KilledArguments {
  readonly workers: number;
  readonly rounds: number;
  readonly shards: number;
  readonly "shard-ms": number;
}

/** Share of killed workers in MapReduce's famous experiment: 200 of 1,746. */
const KILLED_SHARE = 0.115;
const AIM_PERCENT = 10;

export const killedBench: CommandModule<object, KilledArguments> = {
  command: "killed",
  describe: "Added time when 11.5 % of the workers are killed during the job (aim: at most 10 %)",
  builder: (yargs) =>
    yargs
      .option("workers", { type: "number", default: 26, describe: "Worker processes" })
      .option("rounds", { type: "number", default: 3, describe: "Rounds. Each runs every variant once" })
      .option("shards", { type: "number", default: 780, describe: "Shards of the job" })
      .option("shard-ms", {
        type: "number",
        default: 1_000,
        describe: "Milliseconds of a worker for a shard",
      }),
  handler: runKilled,
};

async function runKilled(args: KilledArguments): Promise<void> {
  const { workers, shards, rounds, "shard-ms": shardMs } = args;
  const killed = Array.from({ length: Math.max(1, Math.round(KILLED_SHARE * workers)) }, (_, index) => index);
  const undisturbed = { shards, shardMs: Array.from({ length: workers }, () => shardMs) };
  const variants: Variant[] = [
    { name: "undisturbed", run: undisturbed },
    { name: "killed, restarted", run: { ...undisturbed, atHalf: (fleet) => fleet.kill(killed) } },
    { name: "killed, never replaced", run: { ...undisturbed, atHalf: (fleet) => fleet.lose(killed) } },
  ];
  const found = await pairedRuns(variants, rounds);
  const lost = round((100 * 0.5 * killed.length) / (workers - killed.length));
  report({
    bench: "killed",
    about: `${killed.length} of ${workers} workers killed when half of ${shards} shards are committed; the aim is 10 % at most`,
    options: { workers, shards, shardMs, rounds, killed: killed.length },
    table: pairedTable(found),
    notes: [
      "a worker is a process that waits instead of inferring, under the real supervisor, lease loop and coordinator, over gRPC",
      `without replacement, the missing work of the killed workers alone is ${lost} %`,
    ],
    plot: pairedPlot(found, {
      title: "Workers killed during the job",
      about: `${killed.length} of ${workers} workers are killed when half of ${shards} shards are committed; the mark is ${AIM_PERCENT} % above undisturbed.`,
      aims: { "killed, restarted": AIM_PERCENT, "killed, never replaced": AIM_PERCENT },
    }),
  });
}
