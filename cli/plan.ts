import type { CommandModule } from "yargs";
import type { Estimate } from "../extensions/estimate/estimate-job.ts";
import type { PlannedJob } from "../shared/domain/job.ts";
import { type NewInput, newInputLines, nothingNewLines } from "../shared/domain/new-input.ts";
import { jsonOption, numberFrom, setOption } from "../shared/terminal/command-parts.ts";
import { type ProcessArguments, processCounts, processOptions } from "../shared/terminal/process-options.ts";
import { oneLine } from "../shared/terminal/text.ts";
import { checkPrecision } from "./check-precision.ts";
import { atOption } from "./read-run-job.ts";
import { readJob, type TrialArguments, trialOptions } from "./trial-options.ts";

interface PlanArguments extends ProcessArguments, TrialArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly at: string | undefined;
  readonly json: boolean;
  readonly estimate: boolean;
  readonly "estimate-seconds": string;
  readonly nodes: string;
  readonly "price-per-hour": string | undefined;
}

export const planCommand: CommandModule<object, PlanArguments> = {
  command: "plan <job>",
  describe: "Check a job and show its shards, tensors, and what a run would take; writes nothing",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job file" })
      .option("set", setOption)
      .option("at", atOption)
      .options(trialOptions)
      .option("estimate", {
        type: "boolean",
        default: true,
        describe: "Run some rows, and say what a run would take (--no-estimate: do not)",
      })
      .option("estimate-seconds", {
        type: "string",
        requiresArg: true,
        default: "5",
        describe: "How long to measure at full speed, at the most",
      })
      .option("nodes", {
        type: "string",
        requiresArg: true,
        default: "1",
        describe: "Machines like this one, each with these workers",
      })
      .option("price-per-hour", {
        type: "string",
        requiresArg: true,
        describe: "What one such machine costs an hour, in any currency: shows the cost",
      })
      .options(processOptions)
      .option("json", jsonOption)
      .example("$0 plan job.yaml", "Every problem of the job at once, then time, memory and what limits")
      .example("$0 plan job.yaml --nodes 8 --price-per-hour 2.5", "Time and cost on eight machines like this")
      .example("$0 plan job.yaml --no-estimate", "Without running the model"),
  handler: (args) => plan(args),
};

async function plan(args: PlanArguments): Promise<void> {
  const { startPlanningAhead } = await import("../coordinator/plan/start-ahead.ts");
  startPlanningAhead();
  const { nextRunOf, planWatched } = await import("./plan-watched.ts");
  const { passPrecision } = await import("../coordinator/job/pass-precision.ts");
  const { planText } = await import("./render/plan-text.ts");
  const { createStyle } = await import("../shared/terminal/style.ts");
  const ask = questionOf(args);
  const source = await readJob(args);
  const { signal } = new AbortController();
  const run = await nextRunOf(source, signal);
  if (run?.kind === "nothingNew") {
    printNothingNew(source.spec.output.path, run.found, args);
    return;
  }
  const planned = await planWatched(source, signal, run);
  const precision = args.estimate ? await passPrecision(planned, checkPrecision, signal) : null;
  const estimate = args.estimate ? await estimated(planned, ask) : null;
  if (args.json) {
    const newInput = run?.found ?? null;
    process.stdout.write(`${JSON.stringify({ ...planFacts(planned), newInput, precision, estimate })}\n`);
    return;
  }
  if (run !== null) process.stdout.write(`${newInputLines(run.found).map(oneLine).join("\n")}\n`);
  process.stdout.write(`${planText(planned, estimate, createStyle(process.stdout))}\n`);
}

function printNothingNew(output: string, newInput: NewInput, { json }: { readonly json: boolean }): void {
  const text = json
    ? JSON.stringify({ newInput })
    : nothingNewLines(output, newInput).map(oneLine).join("\n");
  process.stdout.write(`${text}\n`);
}

/** Steps are in `map.prepare` and `map.finish`: `where` is their key, and what they make has no `from`. */
function planFacts({
  spec,
  dataset,
  leftOut,
  undecoded,
  partitions,
  pruned,
  skipped,
  shards,
  map,
  model,
  folder,
}: PlannedJob) {
  const { where = null, sample = null, limit = null } = spec.input;
  // Where the records of text files lie is for workers to know.
  const files = dataset.files.map(({ text, ...file }) =>
    text === undefined ? file : { ...file, form: text.form },
  );
  const { fields } = dataset;
  const output = spec.output.path;
  return {
    files,
    partitions,
    leftOut,
    undecoded,
    where,
    sample,
    limit,
    pruned,
    skipped,
    fields,
    model,
    folder,
    map,
    shards,
    output,
  };
}

/** @throws {ARGUMENT_INVALID} naming the option that is wrong */
function questionOf(args: PlanArguments) {
  const price = args["price-per-hour"];
  return {
    counts: processCounts(args),
    nodes: numberFrom(args.nodes, "nodes", { least: 1, most: 100_000, whole: true }),
    pricePerHour:
      price === undefined ? null : numberFrom(price, "price-per-hour", { least: 0, most: 1e9, whole: false }),
    sampleMs:
      numberFrom(args["estimate-seconds"], "estimate-seconds", { least: 1, most: 3_600, whole: false }) *
      1000,
  };
}

async function estimated(
  planned: PlannedJob,
  question: ReturnType<typeof questionOf>,
): Promise<Estimate | null> {
  const { estimateJob } = await import("../extensions/estimate/estimate-job.ts");
  const estimate = await estimateJob(planned, question);
  const hasRows = planned.shards.some(({ rowStart, rowEnd }) => rowEnd > rowStart);
  if (estimate === null && hasRows) {
    process.stderr.write("no estimate: the model is too slow for its sample; try a smaller map.batch.rows\n");
  }
  return estimate;
}
