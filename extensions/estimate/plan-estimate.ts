import { longestWaitMs } from "../../shared/domain/waiting-steps.ts";
import { definePlanFigures } from "../../shared/extension/plan.ts";
import { numberFrom } from "../../shared/terminal/command-parts.ts";
import {
  type ProcessArguments,
  processCounts,
  processOptions,
} from "../../shared/terminal/process-options.ts";
import type { EstimateQuestion } from "./estimate-job.ts";

export const planEstimate = definePlanFigures({
  options: (yargs) =>
    yargs
      .option("estimate", {
        type: "boolean",
        default: true,
        describe: "Run a sample, and estimate what the job takes (--no-estimate: do not)",
      })
      .option("estimate-seconds", {
        type: "string",
        requiresArg: true,
        default: "5",
        describe: "Longest time to measure at full speed",
      })
      .option("nodes", {
        type: "string",
        requiresArg: true,
        default: "1",
        describe: "Number of machines like this one, each with these workers",
      })
      .option("price-per-hour", {
        type: "string",
        requiresArg: true,
        describe: "Price of one machine an hour, in any currency: adds the cost",
      })
      .options(processOptions)
      .example("$0 plan job.yaml --nodes 8 --price-per-hour 2.5", "Time and cost on eight machines like this")
      .example("$0 plan job.yaml --no-estimate", "Without running the model"),
  ask(args) {
    const question = questionOf(args);
    if (!args.estimate) return null;
    return async (planned) => {
      if (longestWaitMs(planned.map) !== null) {
        process.stderr.write(
          "no estimate: a step asks a server, and a sample would send it many requests: shardmill try asks about one row\n",
        );
        return null;
      }
      const { estimateJob } = await import("./estimate-job.ts");
      const estimate = await estimateJob(planned, question);
      const hasRows = planned.shards.some(({ rowStart, rowEnd }) => rowEnd > rowStart);
      if (estimate === null && hasRows) {
        process.stderr.write(
          "no estimate: the model is too slow for a sample, try a smaller map.batch.rows\n",
        );
      }
      if (estimate === null) return null;
      const { estimateEntries } = await import("./estimate-text.ts");
      return { json: estimate, lines: estimateEntries(estimate) };
    };
  },
});

interface EstimateArguments extends ProcessArguments {
  readonly "estimate-seconds": string;
  readonly nodes: string;
  readonly "price-per-hour": string | undefined;
}

/** @throws {ARGUMENT_INVALID} with the name of the invalid option */
function questionOf(args: EstimateArguments): EstimateQuestion {
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
