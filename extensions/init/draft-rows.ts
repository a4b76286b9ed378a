import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { DraftedStep, JobDraftContext } from "../../shared/extension/job-draft.ts";
import { type CommentedEntry, commentedYaml } from "../../shared/job-file/commented-yaml.ts";
import { onceNamed, readAsMeant, rowFilesOf } from "./draft-job.ts";
import { ASK, type DraftPaths, dataLines, endEntries, inputEntries } from "./draft-yaml.ts";
import { freeName } from "./free-name.ts";
import { textColumns } from "./id-column.ts";
import { NO_SAMPLE } from "./sample/data-sample.ts";
import type { ChosenStep } from "./step-options.ts";

/**
 * Reads the columns of the input, and writes a job file without a model. The job has the chosen step, or
 * none.
 *
 * @throws the INPUT_ codes, like planning, and {ARGUMENT_INVALID} when the address is wrong
 */
export async function draftRows(
  places: Pick<JobSpec, "input" | "output">,
  { step, paths }: { readonly step: ChosenStep | null; readonly paths: Omit<DraftPaths, "model"> },
  signal: AbortSignal,
): Promise<string> {
  const { remedy, dataset } = await readAsMeant(places, signal);
  const fields = onceNamed(dataset.fields);
  const rows = dataset.files.reduce((sum, file) => sum + file.rows, 0);
  const taken = new Set(fields.map(({ name }) => name.toLowerCase()));
  const context: Omit<JobDraftContext, "key"> = {
    fields,
    texts: textColumns(fields),
    env: process.env,
    freeName: (names) => freeName(names, taken),
    signal,
  };
  const entries: CommentedEntry[] = [
    {
      key: "input",
      above: dataLines({ fields: dataset.fields, rows, sample: NO_SAMPLE }),
      value: { entries: inputEntries({ remedy, rowFiles: rowFilesOf(dataset) }, paths) },
    },
    mapEntry(step === null ? null : { key: step.part.key, ...(await draftStep(step, context)) }),
    ...endEntries(paths),
  ];
  return commentedYaml(entries, headOf(paths.job ?? "job.yaml", step));
}

async function draftStep(
  { part, address, secret }: ChosenStep,
  context: Omit<JobDraftContext, "key">,
): Promise<DraftedStep> {
  const draft = await part.load();
  return await draft(address, { ...context, key: secret });
}

function mapEntry(step: (DraftedStep & { readonly key: string }) | null): CommentedEntry {
  const kept = "All columns are published. `keep: [id, name]` would choose some.";
  if (step === null)
    return { key: "map", above: ["`prepare: [{ sql: ... }]` adds steps.", kept], value: { inline: {} } };
  const steps = [{ key: step.key, above: [], value: { entries: step.entries } }];
  return { key: "map", above: [kept], value: { entries: [{ key: "prepare", above: [], value: { steps } }] } };
}

function headOf(job: string, step: ChosenStep | null): readonly string[] {
  const what = step === null ? "this data, without a model: it copies the rows" : "this server and this data";
  return [
    `A first job for ${what}. Check it with \`shardmill plan ${job}\`, run it with \`shardmill run ${job}\`.`,
    `Lines with ${ASK} are questions that are left open. All keys: docs/job-file.md.`,
  ];
}
