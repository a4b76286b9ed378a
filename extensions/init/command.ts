import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { SHOWN_SCHEMES } from "../../shared/domain/store-schemes.ts";
import { defineCommand } from "../../shared/extension/command.ts";
import { fileOccupied, jsonOption } from "../../shared/terminal/command-parts.ts";
import { chosenStep, STEP_OPTIONS } from "./step-options.ts";

const STDOUT = "-";

export const initCommand = defineCommand({
  options: (yargs) =>
    yargs
      .options(STEP_OPTIONS)
      .option("model", {
        type: "string",
        requiresArg: true,
        describe:
          "The ONNX file, or the folder that a model was exported to: a path, or an address " +
          `(${[...SHOWN_SCHEMES, "https://"].join(", ")}). Without it, the job has no model`,
      })
      .option("input", {
        type: "string",
        array: true,
        nargs: 1,
        requiresArg: true,
        demandOption: true,
        describe: "The data: a file, a folder or a quoted glob, as a path or an address (repeatable)",
      })
      .option("output", {
        alias: "o",
        type: "string",
        requiresArg: true,
        default: "job.yaml",
        describe: `The job file to write (${STDOUT}: print it)`,
      })
      .option("force", { type: "boolean", default: false, describe: "Replace an existing job file" })
      .option("json", jsonOption)
      .example(
        "$0 init --model ./all-MiniLM-L6-v2 --input ./texts",
        "Writes job.yaml. Next: shardmill plan job.yaml",
      )
      .example(
        "$0 init --model s3://models/all-MiniLM-L6-v2 --input s3://data/texts",
        "Both in buckets, with the credentials of this machine",
      )
      .example("$0 init --model m.onnx --input 'data/*.parquet' -o -", "Prints it")
      .example("$0 init --input data.csv", "A job without a model, which converts CSV to Parquet")
      .epilogue(
        "The command asks nothing. Lines with TODO: in the job file are questions that the model and the data leave open.",
      ),
  async run(args) {
    const { startPlanningAhead } = await import("../../coordinator/plan/start-ahead.ts");
    startPlanningAhead();
    const { dirname, resolve } = await import("node:path");
    const { lstat, rm, writeFile } = await import("node:fs/promises");
    const { draftPaths } = await import("./draft-paths.ts");
    const { draftJob } = await import("./draft-job.ts");
    const { draftYaml, openQuestions } = await import("./draft-yaml.ts");
    const { draftRows } = await import("./draft-rows.ts");
    const step = chosenStep(args);
    const job = args.output === STDOUT ? null : resolve(args.output);
    if (job !== null && !args.force && (await lstat(job).catch(() => null)) !== null)
      throw fileOccupied(args.output);
    const folder = job === null ? process.cwd() : dirname(job);
    const { model, patterns, written } = await draftPaths(args, folder);
    const input = { path: patterns, format: "auto" as const, shardRows: "auto" as const };
    const output = { path: resolve(folder, written.output), rows: "parquet" as const };
    const paths = { ...written, folder, job: job === null ? null : args.output };
    const places = { input, output, jobFolder: parseLocation(folder) };
    const yaml =
      model === null
        ? await draftRows(places, { step, paths }, NEVER)
        : draftYaml(await draftJob({ ...places, model: model.absolute }, NEVER), {
            ...paths,
            model: model.written,
          });
    try {
      if (job !== null && args.force) await rm(job, { force: true });
      if (job !== null) await writeFile(job, yaml, { flag: "wx" });
    } catch (cause) {
      throw unwritable(args.output, cause);
    }
    const questions = openQuestions(yaml);
    process.stdout.write(
      args.json ? `${JSON.stringify({ job, yaml, questions })}\n` : said(yaml, questions, args.output),
    );
  },
});

/** Returns the job file itself if it is printed, else a summary and the next step. */
function said(yaml: string, questions: number, output: string): string {
  if (output === STDOUT) return yaml;
  const left =
    questions === 0
      ? ""
      : `. ${questions} ${questions === 1 ? "line with TODO: needs" : "lines with TODO: need"} your decision`;
  return `${output} is written${left}\nnext: shardmill plan ${output}\n`;
}

function unwritable(path: string, cause: unknown): ShardmillError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ShardmillError("OUTPUT_FAILED", `the job file cannot be written: ${reason}`, {
    fields: { path },
    cause,
  });
}
