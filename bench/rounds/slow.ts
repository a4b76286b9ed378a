import type { CommandModule } from "yargs";
import { DEFAULT_SCHEDULE } from "../../coordinator/schedule/state/config.ts";
import { report } from "../report/report.ts";
import { pairedPlot, pairedRuns, pairedTable, type Variant } from "./paired-runs.ts";

interface SlowArguments {
  readonly workers: number;
  readonly rounds: number;
  readonly shards: number;
  readonly "shard-ms": number;
  readonly factor: number;
}

export const slowBench: CommandModule<object, SlowArguments> = {
  command: "slow",
  describe: "Added time when one worker is ten times slower, with and without backup leases (aim: 15 % with)",
  builder: (yargs) =>
    yargs
      .option("workers", { type: "number", default: 26, describe: "Worker processes" })
      .option("rounds", { type: "number", default: 3, describe: "Rounds. Each runs every variant once" })
      .option("shards", { type: "number", default: 780, describe: "Shards of the job" })
      .option("shard-ms", {
        type: "number",
        default: 1_000,
        describe: "Milliseconds of a healthy worker for a shard",
      })
      .option("factor", { type: "number", default: 10, describe: "How much slower the slow one is" }),
  handler: runSlow,
};

/** Aim with backup leases. Without them there is none. */
const AIM_PERCENT = 15;

async function runSlow(args: SlowArguments): Promise<void> {
  const { workers, shards, rounds, factor, "shard-ms": shardMs } = args;
  const sound = Array.from({ length: workers }, () => shardMs);
  const slow = sound.map((ms, index) => (index === 0 ? factor * ms : ms));
  // The shards of this bench are short, so the least time that counts as slow must be short, too.
  const on = { ...DEFAULT_SCHEDULE.backup, minMs: shardMs };
  const variants: Variant[] = [
    { name: "all sound", run: { shards, shardMs: sound, schedule: { backup: on } } },
    { name: "one slow, with backups", run: { shards, shardMs: slow, schedule: { backup: on } } },
    {
      name: "one slow, without backups",
      run: { shards, shardMs: slow, schedule: { backup: { ...on, maxShare: 0 } } },
    },
  ];
  const found = await pairedRuns(variants, rounds);
  report({
    bench: "slow",
    about: `one of ${workers} workers is ${factor} times slower, over ${shards} shards; the aim is 15 % at most with backups`,
    options: { workers, shards, shardMs, factor, rounds, backup: on },
    table: pairedTable(found),
    plot: pairedPlot(found, {
      title: "One slow worker",
      about: `One of ${workers} workers is ${factor} times slower, over ${shards} shards; the mark is ${AIM_PERCENT} % above all sound.`,
      aims: { "one slow, with backups": AIM_PERCENT },
    }),
  });
}
