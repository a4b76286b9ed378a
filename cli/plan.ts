import type { Argv, CommandModule } from "yargs";
import { EXTENSIONS } from "#extensions";
import type { PlannedJob } from "../shared/domain/job.ts";
import { type NewInput, newInputLines, nothingNewLines } from "../shared/domain/new-input.ts";
import type { FoundLibrary } from "../shared/extension/libraries.ts";
import type { FigureLine, Figures } from "../shared/extension/plan.ts";
import { jsonOption, setOption } from "../shared/terminal/command-parts.ts";
import { oneLine } from "../shared/terminal/text.ts";
import { checkConversion } from "./check-conversion.ts";
import { atOptions } from "./read-run-job.ts";
import { readJob, type TrialArguments, trialOptions } from "./trial-options.ts";

interface PlanArguments extends TrialArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly at: string | undefined;
  readonly json: boolean;
}

/** Figures of extensions, in the order of the list. */
const PARTS = EXTENSIONS.flatMap(({ plan }) => plan ?? []);

export const planCommand: CommandModule<object, PlanArguments> = {
  command: "plan <job>",
  describe: "Check a job and show its shards, tensors and columns, without writing anything",
  builder: async (yargs) => {
    const own = yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job file" })
      .option("set", setOption)
      .options(atOptions)
      .options(trialOptions)
      .example(
        "$0 plan job.yaml",
        "Shows every problem of the job at once, or its shards, tensors and columns",
      );
    for (const { load } of PARTS) (await load()).options(own as Argv);
    return own.option("json", jsonOption);
  },
  handler: (args) => plan(args),
};

async function plan(args: PlanArguments): Promise<void> {
  const { startPlanningAhead } = await import("../coordinator/plan/start-ahead.ts");
  startPlanningAhead();
  const { nextRunOf, planWatched } = await import("./plan-watched.ts");
  const { findLibraries } = await import("../shared/extension/libraries.ts");
  const { passConversion } = await import("../coordinator/job/pass-conversion.ts");
  const { planText } = await import("./render/plan-text.ts");
  const { printText } = await import("../shared/terminal/print-text.ts");
  const requested = await requestFigures(args);
  const source = await readJob(args);
  const { signal } = new AbortController();
  const run = await nextRunOf(source, signal);
  if (run?.kind === "nothingNew") {
    printNothingNew(source.spec.output.path, run.found, args);
    return;
  }
  const planned = await planWatched(source, run, signal);
  // Without this, wrong outputs of a converted model would give misleading figures.
  const runsModel = requested.some(({ find }) => find !== null);
  const checked = runsModel ? await passConversion(planned, checkConversion, signal) : null;
  const found = await findFigures(requested, planned);
  const libraries = await findLibraries(planned.spec);
  if (args.json) {
    const newInput = run?.found ?? null;
    const { jobConversion, manifestConversion } = await import("../shared/domain/conversion.ts");
    const { flatFeatures } = await import("../shared/wire/codec-steps.ts");
    const figures = Object.fromEntries(found.map(({ key, figures }) => [key, figures?.json ?? null]));
    const conversion = manifestConversion(jobConversion(planned.spec.model, checked));
    const facts = { ...planFacts(planned), libraries, newInput, ...conversion, ...figures };
    process.stdout.write(`${JSON.stringify(facts, flatFeatures)}\n`);
    return;
  }
  const lines = [...libraryLines(libraries), ...found.flatMap(({ figures }) => figures?.lines ?? [])];
  if (run !== null) process.stdout.write(`${newInputLines(run.found).map(oneLine).join("\n")}\n`);
  printText(process.stdout, (style) => planText(planned, lines, style));
}

function printNothingNew(output: string, newInput: NewInput, { json }: { readonly json: boolean }): void {
  const text = json
    ? JSON.stringify({ newInput })
    : nothingNewLines(output, newInput).map(oneLine).join("\n");
  process.stdout.write(`${text}\n`);
}

/**
 * Facts of a plan for `--json`. Steps are in `map.prepare` and `map.finish`: `where` is their key, and their
 * outputs have no `from`.
 */
function planFacts({
  spec,
  dataset,
  skippedFiles,
  undecoded,
  partitions,
  pruned,
  skipped,
  shards,
  map,
  tables,
  model,
  folder,
}: PlannedJob) {
  const { where = null, sample = null, limit = null } = spec.input;
  // Only workers need the places of the records of text files.
  const files = dataset.files.map(({ text, ...file }) =>
    text === undefined ? file : { ...file, form: text.form },
  );
  const { fields } = dataset;
  const output = spec.output.path;
  return {
    files,
    partitions,
    skippedFiles,
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
    tables,
    shards,
    output,
  };
}

function libraryLines(libraries: readonly FoundLibrary[]): FigureLine[] {
  return libraries.map(({ serves, used, hint }) => [
    "library",
    `${used} for ${serves}, on this machine${hint === null ? "" : `. Faster: ${hint}`}`,
  ]);
}

type RequestedFigures = Awaited<ReturnType<typeof requestFigures>>;

async function requestFigures(args: object) {
  return Promise.all(PARTS.map(async ({ key, load }) => ({ key, find: (await load()).ask(args) })));
}

/** Finds figures one after another: concurrent measurements would slow each other down. */
async function findFigures(requested: RequestedFigures, planned: PlannedJob) {
  const found: { readonly key: string; readonly figures: Figures | null }[] = [];
  for (const { key, find } of requested) found.push({ key, figures: (await find?.(planned)) ?? null });
  return found;
}
