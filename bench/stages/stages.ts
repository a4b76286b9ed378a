import type { CommandModule } from "yargs";
import type { BarPlot } from "../report/bar-plot.ts";
import { note, report, round } from "../report/report.ts";
import { prepareWorkload, TENSOR_WORKLOADS, type TensorWorkloadName } from "../workloads/workload.ts";
import { type MeasuredStage, measureStages } from "./measure-stages.ts";

interface StagesArguments {
  readonly only: readonly string[];
  readonly rows: number | undefined;
  readonly seconds: number;
}

/** Rows of the first file that pass through the stages: about one shard's. */
const ROWS = { flights: 122_880, encoder: 2_000, vision: 2_000 } as const satisfies Record<
  TensorWorkloadName,
  number
>;

export const stagesBench: CommandModule<object, StagesArguments> = {
  command: "stages",
  describe: "Each stage of a worker alone on one thread: rows a second, and bytes copied for a row",
  builder: (yargs) =>
    yargs.options({
      only: {
        type: "string",
        array: true,
        choices: TENSOR_WORKLOADS,
        default: [...TENSOR_WORKLOADS],
        describe: "Only these workloads",
      },
      rows: { type: "number", describe: "Rows of each workload. Default: as `workloads` makes them" },
      seconds: { type: "number", default: 3, describe: "Seconds of each stage" },
    }),
  handler: runStages,
};

async function runStages({ only, rows, seconds }: StagesArguments): Promise<void> {
  const measured: { readonly name: TensorWorkloadName; readonly stages: readonly MeasuredStage[] }[] = [];
  for (const name of TENSOR_WORKLOADS.filter((each) => only.includes(each))) {
    note(`${name}: measuring`);
    const workload = await prepareWorkload(name, rows === undefined ? {} : { rows });
    measured.push({ name, stages: await measureStages(workload, { rows: ROWS[name], seconds }) });
  }
  report({
    bench: "stages",
    about: "each stage of a worker alone on one thread, with its input ready",
    options: { rows: rows ?? "default", seconds, shardRows: ROWS },
    table: {
      columns: ["workload", "stage", "rows/s", "us a row", "MB/s", "bytes a row", "copied a row"],
      rows: measured.flatMap(({ name, stages }) => stages.map((stage) => tableRow(name, stage))),
    },
    notes: [
      "bytes: of the file's column chunks for decode and range reads, of the made file for encode and hash, else of the tensors and columns made",
      "copied: counted from those sizes and the code: decode moves the file's bytes twice (to a buffer, to the decoder) and the decoded ones once (out of the decoder); tensorize and collect write each value once; transfer moves none; encode moves the table twice (to an Arrow stream, to the encoder) and the file once; a range read moves its bytes four times (chunk and message at the coordinator, message and range at the worker)",
      "transfer: to another thread and back, one batch at a time; range reads: from a coordinator in a process of its own, over loopback",
    ],
    plot: plotOf(measured),
  });
}

function tableRow(name: TensorWorkloadName, stage: MeasuredStage): readonly unknown[] {
  const { rowsPerSecond, bytesPerRow, copiedPerRow } = stage;
  return [
    name,
    stage.stage,
    Math.round(rowsPerSecond),
    Number((1e6 / rowsPerSecond).toPrecision(3)),
    round((rowsPerSecond * bytesPerRow) / 1e6),
    round(bytesPerRow),
    round(copiedPerRow),
  ];
}

function plotOf(
  measured: readonly { readonly name: TensorWorkloadName; readonly stages: readonly MeasuredStage[] }[],
): BarPlot {
  return {
    title: "What each stage costs",
    about: [
      "Microseconds a row of each stage of a worker, alone on one thread. Each workload has its own scale.",
    ],
    scale: "each",
    format: (microseconds) => `${microseconds.toPrecision(3)} µs`,
    groups: measured.map(({ name, stages }) => ({
      title: name,
      bars: stages.map(({ stage, rowsPerSecond }) => ({ label: stage, value: 1e6 / rowsPerSecond })),
    })),
  };
}
