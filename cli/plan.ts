import type { CommandModule } from "yargs";
import type { Estimate } from "../estimate/estimate-job.ts";
import type { PlannedJob } from "../shared/domain/job.ts";
import { checkPrecision } from "./check-precision.ts";
import {
  jsonOption,
  numberFrom,
  type ProcessArguments,
  processCounts,
  processOptions,
  setOption,
} from "./options.ts";

interface PlanArguments extends ProcessArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly json: boolean;
  readonly sample: boolean;
  readonly "sample-seconds": string;
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
      .option("sample", {
        type: "boolean",
        default: true,
        describe: "Run some rows, for an estimate (--no-sample: do not)",
      })
      .option("sample-seconds", {
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
      .example("$0 plan job.yaml --no-sample", "Without running the model"),
  handler: (args) => plan(args),
};

async function plan(args: PlanArguments): Promise<void> {
  const { startPlanningAhead } = await import("../coordinator/plan/start-ahead.ts");
  startPlanningAhead();
  const { readJobSource } = await import("../shared/job-file/read-job-file.ts");
  const { planJob } = await import("../coordinator/plan/plan-job.ts");
  const { passPrecision } = await import("../coordinator/job/pass-precision.ts");
  const { planText } = await import("./render/plan-text.ts");
  const { createStyle } = await import("./render/style.ts");
  const ask = questionOf(args);
  const source = await readJobSource(args.job, { set: args.set, env: process.env });
  const { signal } = new AbortController();
  const planned = await planJob(source.spec, signal).catch((error: unknown) =>
    Promise.reject(source.withLines(error)),
  );
  const precision = args.sample ? await passPrecision(planned, checkPrecision, signal) : null;
  const estimate = args.sample ? await estimated(planned, ask) : null;
  if (args.json) {
    process.stdout.write(`${JSON.stringify({ ...planFacts(planned), precision, estimate })}\n`);
    return;
  }
  process.stdout.write(`${planText(planned, estimate, createStyle(process.stdout))}\n`);
}

/** Steps are in `map.prepare` and `map.finish`: `where` is their key, and what they make has no `from`. */
function planFacts({ spec, dataset, leftOut, pruned, shards, map, model, folder }: PlannedJob) {
  const where = spec.input.where ?? null;
  return { files: dataset.files, leftOut, where, pruned, fields: dataset.fields, model, folder, map, shards };
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
      numberFrom(args["sample-seconds"], "sample-seconds", { least: 1, most: 3_600, whole: false }) * 1000,
  };
}

async function estimated(
  planned: PlannedJob,
  question: ReturnType<typeof questionOf>,
): Promise<Estimate | null> {
  const { estimateJob } = await import("../estimate/estimate-job.ts");
  const estimate = await estimateJob(planned, question);
  const hasRows = planned.shards.some(({ rowStart, rowEnd }) => rowEnd > rowStart);
  if (estimate === null && hasRows) {
    process.stderr.write("no estimate: the model is too slow for its sample; try a smaller map.batch.rows\n");
  }
  return estimate;
}
