import type { CommandModule } from "yargs";
import type { BarPlot } from "../report/bar-plot.ts";
import { report, round } from "../report/report.ts";
import { isPrepared } from "../workloads/recipe.ts";
import { prepareWorkload, WORKLOADS, type WorkloadName } from "../workloads/workload.ts";
import { type MeasuredWorkload, measureWorkload, medianOf } from "./measure-workload.ts";

interface CeilingArguments {
  readonly only: readonly string[];
  readonly rows: number | undefined;
  readonly rounds: number;
  readonly seconds: number;
  readonly set: readonly string[];
}

/** Ceiling that a workload is compared with, and the share of it that is the aim. */
const AIMS = {
  flights: { of: "added", share: 0.85 },
  encoder: { of: "infer", share: 0.97 },
  vision: { of: "infer", share: 0.97 },
  text: { of: "added", share: 0.95 },
  photos: { of: "added", share: 0.95 },
} as const satisfies Record<WorkloadName, { of: "infer" | "added"; share: number }>;

export const ceilingBench: CommandModule<object, CeilingArguments> = {
  command: "ceiling",
  describe:
    "`shardmill run` against a bare onnxruntime-node loop (aim: 0.97 of it, and of all stages added up 0.85 with expensive reading, 0.95 with expensive preparing)",
  builder: (yargs) =>
    yargs.options({
      only: {
        type: "string",
        array: true,
        choices: WORKLOADS,
        default: [...WORKLOADS],
        describe: "Only these workloads",
      },
      rows: { type: "number", describe: "Rows of each workload. Default: about a minute's" },
      rounds: { type: "number", default: 5, describe: "Rounds. Each runs the job and the loops once" },
      seconds: { type: "number", default: 10, describe: "How long the bare loop runs in a round" },
      set: {
        type: "string",
        array: true,
        default: [],
        describe: "Overrides of the job file: model.device=cuda",
      },
    }),
  handler: runCeiling,
};

async function runCeiling(args: CeilingArguments): Promise<void> {
  const { rounds, seconds, set: sets } = args;
  const measured: MeasuredWorkload[] = [];
  for (const name of WORKLOADS.filter((each) => args.only.includes(each))) {
    const workload = await prepareWorkload(name, args.rows === undefined ? {} : { rows: args.rows });
    measured.push(await measureWorkload(workload, { rounds, seconds, sets }));
  }
  report({
    bench: "ceiling",
    about:
      "steady rows/s of `shardmill run`, Parquet to Parquet, against bare loops over the same rows in memory",
    options: { rows: args.rows ?? "default", rounds, seconds, set: sets },
    table: {
      columns: [
        "workload",
        "rows/s",
        "bare loop",
        "of it",
        "decode",
        "encode",
        "prepare",
        "of all",
        "aim",
        "start s",
        "tail s",
        "of the bare loop, each round",
        "of all, each round",
      ],
      rows: measured.map(tableRow),
    },
    notes: [
      "steady: from the first whole shard to the last but one, between the start and the tail. Medians of the rounds",
      "bare loop: `session.run` alone, in as many threads and sessions as the run, over rows that are already tensors, in the fastest batches",
      "of all: of the bare loops of decode, prepare (texts to tokens, pictures to values), infer and encode, each alone on all cores, added up: the ceiling when every core is always busy",
      ...measured.map(({ workload, batching, rounds: [first] }) => {
        const { lanes = 0, threadsPerLane = 0, shards = 0 } = first?.run ?? {};
        const limit = first?.run.bottleneck ?? "unknown";
        return `${workload.name}: ${workload.rows} rows in ${shards} shards, ${lanes} lanes of ${threadsPerLane} threads, limited by ${limit}; the bare loop's batches: ${batching}`;
      }),
    ],
    plot: plotOf(measured),
  });
}

function tableRow(measured: MeasuredWorkload): readonly unknown[] {
  const { workload, rounds } = measured;
  const whole = (read: Parameters<typeof medianOf>[1]) => Math.round(medianOf(measured, read));
  const share = (read: Parameters<typeof medianOf>[1]) => thousandths(medianOf(measured, read));
  const each = (read: Parameters<typeof medianOf>[1]) => rounds.map(read).map(thousandths).join(", ");
  const aim = AIMS[workload.name];
  return [
    workload.name,
    whole(({ run }) => run.rowsPerSecond),
    whole(({ infer }) => infer),
    share(({ ofInfer }) => ofInfer),
    whole(({ decode }) => decode),
    whole(({ encode }) => encode),
    workload.inputs.some(isPrepared) ? whole(({ prepare }) => prepare ?? Number.NaN) : "",
    share(({ ofAdded }) => ofAdded),
    `${aim.share} of ${aim.of === "infer" ? "the loop" : "all"}`,
    round(medianOf(measured, ({ run }) => run.startSeconds)),
    round(medianOf(measured, ({ run }) => run.tailSeconds)),
    each(({ ofInfer }) => ofInfer),
    each(({ ofAdded }) => ofAdded),
  ];
}

function plotOf(measured: readonly MeasuredWorkload[]): BarPlot {
  return {
    title: "How near to the ceiling",
    about: [
      "Steady rows a second of `shardmill run`, Parquet to published Parquet, as a share of bare loops over the same rows already in memory. Median of the rounds.",
    ],
    scale: "shared",
    format: (value) => value.toFixed(3),
    tones: ["of session.run alone", "of all stages added up"],
    groups: measured.map((each) => {
      const { workload, rounds } = each;
      const bar = (of: "infer" | "added", label: string, tone: 0 | 1) => {
        const read = (one: MeasuredWorkload["rounds"][number]) =>
          of === "infer" ? one.ofInfer : one.ofAdded;
        const values = rounds.map(read);
        const range = [Math.min(...values), Math.max(...values)] as const;
        const aim = AIMS[workload.name];
        return {
          label,
          value: medianOf(each, read),
          tone,
          range,
          ...(aim.of === of ? { aim: aim.share } : {}),
        };
      };
      return {
        title: workload.name,
        bars: [bar("infer", "bare loop", 0), bar("added", "added-up stages", 1)],
      };
    }),
  };
}

function thousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
