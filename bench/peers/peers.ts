import { availableParallelism } from "node:os";
import type { CommandModule } from "yargs";
import { report } from "../report/report.ts";
import { WORKLOADS, type WorkloadName } from "../workloads/workload.ts";
import { contest } from "./contest.ts";
import { preparePeers } from "./environment.ts";
import { openPeerBucket } from "./peer-bucket.ts";
import { TUNINGS, type Tuning } from "./peer-settings.ts";
import { RANKING_COLUMNS, type RankedTool, rankingPlot, rankingRows } from "./ranking.ts";
import { PEERS, type PeerName, peersOf } from "./tools.ts";

interface PeersArguments {
  readonly only: readonly WorkloadName[];
  readonly peers: readonly PeerName[];
  readonly rounds: number;
  readonly rows: number | undefined;
  readonly tune: Tuning;
  readonly "limit-minutes": number;
  readonly bucket: boolean;
  readonly latency: number;
}

/** Peers that read from buckets. Spark needs jars that no package index has. */
const FROM_BUCKETS: readonly PeerName[] = PEERS.filter((peer) => peer !== "spark");

export const peersBench: CommandModule<object, PeersArguments> = {
  command: "peers",
  describe:
    "The same jobs through Python loops, Ray Data, Daft and Spark (aim: ahead of all; flights: 3 x Ray and Spark)",
  builder: (yargs) =>
    yargs.options({
      only: {
        choices: WORKLOADS,
        array: true,
        default: WORKLOADS,
        describe: "Only these workloads",
      },
      peers: { choices: PEERS, array: true, default: PEERS, describe: "Only these peers" },
      rounds: { type: "number", default: 3, describe: "Rounds. Each runs every tool once" },
      rows: { type: "number", describe: "Rows of each workload. Default: its own number" },
      tune: {
        choices: TUNINGS,
        default: "once" as const,
        describe:
          "Search for each peer's best settings where they are unknown, always, or never (to check quickly that it runs)",
      },
      bucket: {
        type: "boolean",
        default: false,
        describe: "Read the input from a bucket of versitygw, with the settings of the disk (not Spark)",
      },
      latency: {
        type: "number",
        default: 30,
        describe: "Milliseconds added to each answer of the bucket",
      },
      "limit-minutes": { type: "number", default: 15, describe: "A run that takes longer counts as failed" },
    }),
  handler: runPeers,
};

async function runPeers(args: PeersArguments): Promise<void> {
  const { only, rounds, rows, tune, "limit-minutes": limitMinutes, latency } = args;
  const peers = args.bucket ? args.peers.filter((peer) => FROM_BUCKETS.includes(peer)) : args.peers;
  const cores = availableParallelism();
  const { pythons, versions } = await preparePeers(only.flatMap((name) => peersOf(name, peers)));
  await using bucket = args.bucket ? await openPeerBucket(latency) : null;
  const options = { pythons, cores, limitMs: limitMinutes * 60_000, bucket, peers, tune, rounds, rows };
  const ranking: RankedTool[] = [];
  for (const name of WORKLOADS) {
    if (!only.includes(name)) continue;
    ranking.push(...(await contest(name, { ...options, peers: peersOf(name, peers) })));
  }
  report({
    bench: args.bucket ? "peers-bucket" : "peers",
    about: `the same rows, model and output columns through the alternatives of a user, on the CPU${args.bucket ? `, from a bucket whose answers take ${latency} ms longer` : ""}`,
    options: { tune, only, peers, rounds, rows: rows ?? "the workload's own", cores, versions },
    table: { columns: RANKING_COLUMNS, rows: rankingRows(ranking) },
    notes: [...FAIRNESS, ...failuresOf(ranking)],
    plot: rankingPlot(ranking),
  });
}

/** Facts needed to judge the figures. */
const FAIRNESS = [
  "wall time is that of the whole command: interpreters, clusters and virtual machines start within it, as they do for a user",
  "CPU time and memory (PSS, sampled five times a second) are of all processes together, including daemons",
  "all read the same zstd Parquet files, from a warm page cache or from the same store, and write zstd Parquet with the same columns. The rows of every run were compared with those of shardmill: kept columns exactly, scores to 1e-4, classes in 99.99 % of rows, vectors of texts by a cosine of 0.9999",
  "shardmill also keeps the order of rows, checksums and a journal, and publishes in one step. The peers do not",
  "the peers use the onnxruntime version that shardmill does, one thread a session where several run concurrently, and the variant and batch size that were fastest on a part of the rows. Shardmill finds its own within the run",
  "texts are made into tokens by the library `tokenizers`, pictures decoded and scaled by Pillow, in the thread that runs the model. Pillow's pixels and ours are equal",
  "rows of uneven length are padded to the longest of their batch. The Python loop sorts each row group by length first, and the others keep the order",
] as const;

function failuresOf(ranking: readonly RankedTool[]): readonly string[] {
  return ranking.flatMap(({ workload, tool, failure, runs }) => [
    // The last line of a Python stack trace has the error.
    ...(failure === null ? [] : [`${workload}, ${tool}: ${failure.trim().split("\n").at(-1)}`]),
    ...(runs.some(({ leftBehind }) => leftBehind > 0)
      ? [`${workload}, ${tool}: left processes behind, which were killed`]
      : []),
  ]);
}
