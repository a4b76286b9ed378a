import type { CommandModule } from "yargs";
import { ShardmillError } from "../shared/core/errors.ts";
import { jobOfOutputOption, namedOutputOption, openNamedOutput } from "./named-output.ts";

interface ReportArguments {
  readonly output: string;
  readonly job: string | undefined;
  readonly to: string | undefined;
  readonly "price-per-hour": number | undefined;
}

export const reportCommand: CommandModule<object, ReportArguments> = {
  command: "report <output>",
  describe: "Make a page about the run that published an output: one HTML file",
  builder: (yargs) =>
    yargs
      .positional("output", namedOutputOption)
      .option("to", {
        type: "string",
        requiresArg: true,
        describe: "The file to write; left out: stdout",
      })
      .option("job", jobOfOutputOption)
      .option("price-per-hour", {
        type: "number",
        requiresArg: true,
        coerce: checkPrice,
        describe: "What an hour of a worker costs: the page tells what the run did. Left out: only hours",
      })
      .example("$0 report ./out --to report.html", "A page to keep, or to send")
      .example("$0 report s3://bucket/out --price-per-hour 1.2 > report.html", "Of an output in a bucket"),
  handler: async (args) => {
    const { renderReport } = await import("../coordinator/report/render-report.ts");
    const { manifest } = await openNamedOutput(args);
    const page = renderReport(manifest, { pricePerHour: args["price-per-hour"] });
    if (args.to === undefined) process.stdout.write(page);
    else await (await import("node:fs/promises")).writeFile(args.to, page);
  },
};

function checkPrice(price: number): number {
  if (Number.isFinite(price) && price >= 0) return price;
  throw new ShardmillError("ARGUMENT_INVALID", "--price-per-hour must be a number of at least 0");
}
