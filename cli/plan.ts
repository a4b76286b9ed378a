import type { CommandModule } from "yargs";
import { exitWithError } from "./exit.ts";
import { jsonOption, type ProcessArguments, processCounts, processOptions, setOption } from "./options.ts";

interface PlanArguments extends ProcessArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly json: boolean;
  readonly sample: boolean;
}

export const planCommand: CommandModule<object, PlanArguments> = {
  command: "plan <job>",
  describe: "Check a job and show its shards, tensors and an estimate; writes nothing",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job file" })
      .option("set", setOption)
      .option("sample", {
        type: "boolean",
        default: true,
        describe: "Run some rows, for an estimate (--no-sample: do not)",
      })
      .options(processOptions)
      .option("json", jsonOption)
      .example("$0 plan job.yaml", "Every problem of the job at once, before any work")
      .example("$0 plan job.yaml --no-sample", "Without running the model"),
  handler: async (args) => {
    try {
      await plan(args);
    } catch (error) {
      exitWithError(error, args);
    }
  },
};

async function plan(args: PlanArguments): Promise<void> {
  const { readJobSource } = await import("../shared/spec/read-job-file.ts");
  const { planJob } = await import("../coordinator/plan/plan-job.ts");
  const { planText } = await import("./render/plan-text.ts");
  const { createStyle } = await import("./render/style.ts");
  const counts = processCounts(args);
  const source = await readJobSource(args.job, { set: args.set, env: process.env });
  const planned = await planJob(source.spec, new AbortController().signal).catch((error: unknown) =>
    Promise.reject(source.withPlaces(error)),
  );
  const { estimateJob } = await import("./estimate.ts");
  const estimate = args.sample ? await estimateJob(planned, counts) : null;
  if (args.json) {
    const { dataset, shards, map, model } = planned;
    process.stdout.write(
      `${JSON.stringify({ files: dataset.files, fields: dataset.fields, model, map, shards, estimate })}\n`,
    );
    return;
  }
  process.stdout.write(`${planText(planned, estimate, createStyle(process.stdout))}\n`);
}
