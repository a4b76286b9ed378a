import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { ModelSignature } from "../../shared/domain/tensor.ts";
import { allOrEveryProblem } from "../plan/every-problem.ts";
import { modelPathOf, readModelFolder } from "../plan/folder/read-model-folder.ts";
import { inspectModel } from "../plan/model/inspect-model.ts";
import { readInput } from "../plan/plan-job.ts";
import { draftInputs, type InputDraft } from "./draft-inputs.ts";
import { draftOutputs, type LeftOutOutput, type OutputDraft } from "./draft-outputs.ts";
import { findIdColumn } from "./id-column.ts";
import { type DraftContext, tryBind } from "./try-bind.ts";

/** What a job for a model and its data could be, with all that was found out on the way. */
export interface JobDraft {
  readonly signature: ModelSignature;
  readonly folder: ModelFolder | null;
  readonly fields: readonly Field[];
  readonly rows: number;
  readonly inputs: readonly InputDraft[];
  readonly outputs: readonly OutputDraft[];
  readonly leftOut: readonly LeftOutOutput[];
  readonly keep: readonly string[];
  /** Why it cannot run as it is, each with its key; empty where it can. */
  readonly problems: readonly { readonly where: string; readonly what: string }[];
}

/**
 * Looks at a model and at data as planning does, and drafts a job for them.
 *
 * @throws {MODEL_NOT_FOUND} {MODEL_INVALID} and the INPUT_ codes, as planning: all in one error
 */
export async function draftJob(
  model: JobSpec["model"]["path"],
  data: Pick<JobSpec, "input" | "output">,
  signal: AbortSignal,
): Promise<JobDraft> {
  const [{ dataset }, { folder, signature }] = await allOrEveryProblem([
    readInput(data, signal),
    readSignature(model, signal),
  ]);
  const rows = dataset.files.reduce((sum, file) => sum + file.rows, 0);
  return { rows, ...draftFor({ signature, folder, fields: dataset.fields }) };
}

/** The pure part of `draftJob`. */
export function draftFor({ signature, folder, fields }: DraftContext): Omit<JobDraft, "rows"> {
  const context = { signature, folder, fields: onceNamed(fields) };
  const inputs = draftInputs(context);
  const id = findIdColumn(context.fields);
  const keep = id === null ? [] : [id];
  const { outputs, leftOut } = draftOutputs(context, inputs, keep);
  const tried = tryBind(
    {
      inputs: Object.fromEntries(inputs.map(({ tensor, keys }) => [tensor.name, keys])),
      outputs: Object.fromEntries(outputs.map(({ column, keys }) => [column, keys])),
      keep,
    },
    context,
  );
  const problems = tried.kind === "fits" ? [] : tried.problems;
  return { signature, folder, fields, inputs, outputs, leftOut, keep, problems };
}

async function readSignature(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly folder: ModelFolder | null; readonly signature: ModelSignature }> {
  const folder = await readModelFolder({ path }, signal);
  const { signature } = await inspectModel(modelPathOf({ path }, folder), signal);
  return { folder, signature };
}

/** No job can name a column whose name another one has, too. */
function onceNamed(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ name }) => fields.filter((other) => other.name === name).length === 1);
}
