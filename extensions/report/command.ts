import { errorCode } from "../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { defineCommand } from "../../shared/extension/command.ts";
import { fileOccupied } from "../../shared/terminal/command-parts.ts";
import { jobOfOutputOption, namedOutputOption } from "../../shared/terminal/output-options.ts";

export const reportCommand = defineCommand({
  options: (yargs) =>
    yargs
      .positional("output", namedOutputOption)
      .option("to", {
        type: "string",
        requiresArg: true,
        alias: "o",
        describe: "The file to write (default: stdout)",
      })
      .option("force", {
        type: "boolean",
        default: false,
        describe: "Overwrite an existing file",
      })
      .option("job", jobOfOutputOption)
      .option("price-per-hour", {
        type: "number",
        requiresArg: true,
        coerce: checkPrice,
        describe: "Price of a worker hour: adds the cost of the run to its hours",
      })
      .example("$0 report ./out -o report.html", "A page to keep, or to send")
      .example("$0 report s3://bucket/out --price-per-hour 1.2 -o report.html", "For an output in a bucket"),
  async run(args, host) {
    const { renderReport } = await import("./render-report.ts");
    const manifest = await host.manifest(args);
    const page = renderReport(manifest, { pricePerHour: args["price-per-hour"] });
    if (args.to === undefined || args.to === "-") process.stdout.write(page);
    else await writePage(args.to, page, args);
  },
});

/** Writes the page and reports its path on stderr. */
async function writePage(path: string, page: string, { force }: { readonly force: boolean }): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  try {
    await writeFile(path, page, { flag: force ? "w" : "wx" });
  } catch (cause) {
    if (errorCode(cause) === "EEXIST") throw fileOccupied(path);
    throw new ShardmillError(
      "OUTPUT_FAILED",
      `the report cannot be written to ${path}: ${messageOf(cause)}`,
      {
        fields: { path },
        cause,
      },
    );
  }
  process.stderr.write(`${path} is written\n`);
}

function checkPrice(price: number): number {
  if (Number.isFinite(price) && price >= 0) return price;
  throw new ShardmillError("ARGUMENT_INVALID", "--price-per-hour must be a number of at least 0");
}
