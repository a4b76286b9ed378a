import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandModule } from "yargs";
import type { JobSummary } from "../cli/render/summary.ts";
import { sleep } from "../shared/core/abort.ts";
import { packageRoot } from "../shared/core/package-root.ts";
import { startCli } from "../test/support/processes.ts";
import { TreeSampler } from "./peers/tree-sampler.ts";
import type { BarPlot } from "./report/bar-plot.ts";
import { addedPercent, median, note, report, round } from "./report/report.ts";
import { roundsBar } from "./report/rounds-bar.ts";
import { prepareWorkload, WORKLOADS, type WorkloadName } from "./workloads/workload.ts";

interface EstimateArguments {
  readonly only: readonly string[];
  readonly rows: number | undefined;
  readonly rounds: number;
  readonly set: readonly string[];
}

const DIGITS = "digits";
/** Limit of a run: runs take minutes, so a longer one hangs. */
const LIMIT_MS = 30 * 60_000;
/** Interval of memory samples. */
const LOOK_MS = 100;

export const estimateBench: CommandModule<object, EstimateArguments> = {
  command: "estimate",
  describe: "Predictions of `shardmill plan` against measurements of `shardmill run`",
  builder: (yargs) =>
    yargs.options({
      only: {
        type: "string",
        array: true,
        choices: [DIGITS, ...WORKLOADS],
        default: [DIGITS, ...WORKLOADS],
        describe: "Only these jobs",
      },
      rows: { type: "number", describe: "Rows of each workload. Default: about a minute's" },
      rounds: { type: "number", default: 3, describe: "Rounds. Each plans and runs every job once" },
      set: {
        type: "string",
        array: true,
        default: [],
        describe: "Overrides of the job file: model.device=cuda",
      },
    }),
  handler: runEstimate,
};

/** Figures of `plan --json` that are compared. */
interface Predicted {
  readonly seconds: number;
  readonly memory: { readonly workerBytes: number };
  readonly verdict: { readonly bottleneck: string | null };
}

/** One plan and one run of a job. */
interface Round {
  readonly predicted: Predicted;
  readonly actual: JobSummary;
  /** Peak memory of the run's processes together, without the coordinator. */
  readonly workerBytes: number;
}

async function runEstimate({ only, rows, rounds, set }: EstimateArguments): Promise<void> {
  const found: { readonly name: string; readonly rounds: readonly Round[] }[] = [];
  for (const name of [DIGITS, ...WORKLOADS].filter((each) => only.includes(each))) {
    const job = await jobPathOf(name, rows);
    const done: Round[] = [];
    for (let at = 0; at < rounds; at += 1) {
      const each = await planAndRun(job, set);
      note(
        `${name}, round ${at + 1}: ${round(each.predicted.seconds)} s predicted, ${each.actual.seconds} s taken`,
      );
      done.push(each);
    }
    found.push({ name, rounds: done });
  }
  report({
    bench: "estimate",
    about: "the seconds, memory and limit that `shardmill plan` predicts, and those of `shardmill run`",
    options: { rows: rows ?? "default", rounds, set },
    table: {
      columns: [
        "job",
        "rows",
        "predicted s",
        "taken s",
        "off %, median",
        "off %, each round",
        "predicted MiB a worker",
        "taken MiB",
        "predicted limit",
        "limit",
      ],
      rows: found.map(({ name, rounds: each }) => rowOf(name, each)),
    },
    notes: ["off: predicted over taken. MiB: the peak of the sample, and of all processes of the run"],
    plot: estimatePlot(
      found.map(({ name, rounds: each }) => ({
        name,
        predicted: each.map(({ predicted }) => predicted.seconds),
        taken: each.map(({ actual }) => actual.seconds),
      })),
    ),
  });
}

/** Seconds of one job, one figure a round. */
interface EstimatedJob {
  readonly name: string;
  readonly predicted: readonly number[];
  readonly taken: readonly number[];
}

/** Plots predicted above measured seconds, one group a job. */
export function estimatePlot(jobs: readonly EstimatedJob[]): BarPlot {
  return {
    title: "Predictions of plan, and measurements of run",
    about: ["Seconds of the whole run, median and range of the rounds. Each job has its own scale."],
    groups: jobs.map(({ name, predicted, taken }) => ({
      title: `${name}, seconds`,
      bars: [
        { ...roundsBar("predicted", predicted), tone: 1 },
        { ...roundsBar("taken", taken), tone: 0 },
      ],
    })),
    scale: "each",
    format: (seconds) => `${seconds.toFixed(1)} s`,
  };
}

function rowOf(name: string, rounds: readonly Round[]): unknown[] {
  const off = rounds.map(({ predicted, actual }) => addedPercent(predicted.seconds, actual.seconds));
  const last = rounds.at(-1);
  return [
    name,
    last?.actual.rows,
    round(median(rounds.map(({ predicted }) => predicted.seconds))),
    round(median(rounds.map(({ actual }) => actual.seconds))),
    round(median(off)),
    off.join(", "),
    Math.round(median(rounds.map(({ predicted }) => predicted.memory.workerBytes)) / 2 ** 20),
    Math.round(median(rounds.map(({ workerBytes }) => workerBytes)) / 2 ** 20),
    last?.predicted.verdict.bottleneck,
    last?.actual.bottleneck,
  ];
}

async function jobPathOf(name: string, rows: number | undefined): Promise<string> {
  if (name === DIGITS) return join(packageRoot, "examples", "digits", "job.yaml");
  return (await prepareWorkload(name as WorkloadName, rows === undefined ? {} : { rows })).jobPath;
}

async function planAndRun(job: string, set: readonly string[]): Promise<Round> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-bench-"));
  try {
    const sets = [...set, `output.path=${join(folder, "out")}`].flatMap((each) => ["--set", each]);
    const planned = await runJson(["plan", job, "--json", ...sets]);
    const predicted: Predicted | null = planned.answer.estimate;
    if (predicted === null) throw new Error(`${job} has no estimate`);
    const ran = await runJson(["run", job, "--json", ...sets]);
    return { predicted, actual: ran.answer, workerBytes: ran.peakBytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a command, and returns its one JSON answer. @throws when it fails */
async function runJson(args: readonly string[]) {
  await using cli = startCli(args, { limitMs: LIMIT_MS });
  const sampler = new TreeSampler(cli.pid);
  const over = new AbortController();
  const sampling = (async () => {
    while (!over.signal.aborted) {
      await sampler.sample();
      await sleep(LOOK_MS, over.signal).catch(() => {});
    }
  })();
  try {
    const { code, stdout, stderr } = await cli.ended;
    if (code !== 0) throw new Error(`shardmill ${args[0]} ended with ${code}: ${stderr.slice(-500)}`);
    return { answer: JSON.parse(stdout), peakBytes: sampler.peakBytes };
  } finally {
    over.abort();
    await sampling;
  }
}
