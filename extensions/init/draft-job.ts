import { allOrEveryProblem } from "../../coordinator/plan/every-problem.ts";
import { sealModel } from "../../coordinator/plan/fetch/sealed-files.ts";
import { modelPathOf, readModelFolder } from "../../coordinator/plan/folder/read-model-folder.ts";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { readInput } from "../../coordinator/plan/read-input.ts";
import type { Dataset, Field } from "../../shared/domain/dataset.ts";
import { FEATURES, loadPlanners, loadStepDrafts, loadWays } from "../../shared/domain/features.ts";
import { holdsFiles } from "../../shared/domain/file-cells.ts";
import { fileFormatOf } from "../../shared/domain/formats.ts";
import type { ModelFile } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { folderOf, type Location, nameOf } from "../../shared/domain/location.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import { filesOf } from "../../shared/domain/row-place.ts";
import type { ModelSignature } from "../../shared/domain/tensor.ts";
import type { FormatRemedy } from "../../shared/domain/text-cause.ts";
import { type DraftKeys, listed } from "../../shared/extension/feature-draft.ts";
import type { DraftedFinish, DraftedMap, DraftNote } from "../../shared/extension/step-draft.ts";
import { draftInputs, type InputDraft } from "./draft-inputs.ts";
import { draftOutputs, type OmittedOutput, type OutputDraft } from "./draft-outputs.ts";
import { isScalar } from "./field-kinds.ts";
import { freeName } from "./free-name.ts";
import { findIdColumn, textColumns } from "./id-column.ts";
import { runDraft } from "./run-draft.ts";
import type { DataSample } from "./sample/data-sample.ts";
import { sampleRows } from "./sample/sample-rows.ts";
import type { StatePair } from "./states.ts";
import { type DraftContext, tryBind } from "./try-bind.ts";

/** Facts of an input in which each file is a row. */
interface RowFiles {
  /** Name of the format in the job file. */
  readonly format: string;
  /** Names of the folders that the files lie in, sorted. Empty: all files lie in one folder. */
  readonly folders: readonly string[];
}

/** Columns that a draft chooses from: what identifies a file, what may be its class, and what is in it. */
const CHOSEN = ["path", "folder", "content"];

/** Draft of a job for a model and its data, with all facts found on the way. */
export interface JobDraft {
  readonly signature: ModelSignature;
  readonly folder: ModelFolder | null;
  readonly fields: readonly Field[];
  readonly rows: number;
  /** Options for the input files. Null: the options that planning detects. */
  readonly remedy: FormatRemedy | null;
  /** Facts of an input in which each file is a row. Null: files contain rows. */
  readonly rowFiles: RowFiles | null;
  readonly sample: DataSample;
  readonly inputs: readonly InputDraft[];
  readonly states: readonly StatePair[];
  /** Note on an input that steps make. Null: nothing to decide. */
  readonly note: DraftNote | null;
  readonly outputs: readonly OutputDraft[];
  readonly omitted: readonly OmittedOutput[];
  readonly keep: readonly string[];
  /** Finish steps, each in the form of the job file. */
  readonly finish: readonly DraftKeys[];
  readonly finishNote: string | null;
  /** Reasons why the job cannot run, each with its key. Empty: it can run. */
  readonly problems: readonly { readonly where: string; readonly what: string }[];
}

/** Sources of a draft, and the folder of its job file. */
interface DraftPlaces extends Pick<JobSpec, "input" | "output"> {
  readonly model: string;
  readonly jobFolder: Location;
}

/**
 * Inspects a model and data as planning does, reads some rows, and drafts a job for them.
 *
 * @throws {MODEL_NOT_FOUND} {MODEL_INVALID} and the INPUT_ codes, like planning, all in one error
 */
export async function draftJob(places: DraftPlaces, signal: AbortSignal): Promise<JobDraft> {
  const { model, jobFolder } = places;
  const [{ remedy, dataset, stores, textCauses, classes }, { folder, file }] = await allOrEveryProblem([
    readAsMeant(places, signal),
    readModel(model, signal),
  ]);
  const { signature } = file;
  const { fields } = dataset;
  const rowFiles = rowFilesOf(dataset);
  const chosen = onceNamed(chosenFields(fields, rowFiles));
  // Bytes show what a file is. The path of a file as a row names no other file.
  const fileColumns = chosen.filter(({ type }) =>
    rowFiles === null ? holdsFiles(type) : type.kind === "binary",
  );
  const numberColumns = chosen.filter((field) => field.nullable && isScalar(field));
  const [planners, ways, stepDrafts] = await Promise.all([loadPlanners(), loadWays(), loadStepDrafts()]);
  const texts = textColumns(chosen);
  const measured = [...stepDrafts].flatMap(([key, draft]) => {
    const found = draft.measured({ signature, folder, texts });
    return found === null ? [] : [{ key, ...found }];
  });
  const sample = await sampleRows(dataset, {
    fileColumns: fileColumns.map(({ name }) => name),
    numberColumns: numberColumns.map(({ name }) => name),
    measured,
    jobFolder,
    stores,
    signal,
  });
  const rows = dataset.files.reduce((sum, file) => sum + file.rows, 0);
  const facts = { signature, folder, classes, textCauses, planners, stepDrafts, ways, sample, ran: null };
  const context = { ...facts, fields: chosenFields(fields, rowFiles) };
  const ran = await runDraft({ ...context, fields: chosen }, file, signal);
  const drafted = draftFor({ ...context, ran });
  const keep = rowFiles === null || rowFiles.folders.length === 0 ? [] : ["folder"];
  return { rows, remedy, rowFiles, ...drafted, fields, keep: [...drafted.keep, ...keep] };
}

/** Returns the facts of an input in which each file is a row. Null: files contain rows. */
export function rowFilesOf({ files }: Pick<Dataset, "files">): RowFiles | null {
  const format = fileFormatOf(files[0]?.format ?? "");
  if (format === null) return null;
  const folders = new Set<string>();
  for (const { path } of filesOf(files)) folders.add(nameOf(folderOf(path)));
  return { format: format.name, folders: folders.size > 1 ? [...folders].sort() : [] };
}

/** Returns the columns that a draft chooses from. Sizes and versions of files are no inputs of models. */
function chosenFields(fields: readonly Field[], rowFiles: RowFiles | null): readonly Field[] {
  return rowFiles === null ? fields : fields.filter(({ name }) => CHOSEN.includes(name));
}

/** Reads the input. If numbers would be read as text, applies the options that the format advises. */
export async function readAsMeant(places: Pick<JobSpec, "input" | "output">, signal: AbortSignal) {
  const read = await readInput(places, { signal });
  const [remedy = null] = read.textCauses.flatMap((cause) => cause.remedy ?? []);
  if (remedy === null) return { remedy, ...read };
  const input = { ...places.input, [remedy.format]: remedy.options };
  return { remedy, ...(await readInput({ ...places, input }, { signal })) };
}

/** Drafts a job without I/O: the pure part of `draftJob`. */
export function draftFor({ fields, ...found }: DraftContext): Omit<JobDraft, "rows" | "remedy" | "rowFiles"> {
  const { signature, folder, sample } = found;
  const context = { ...found, fields: onceNamed(fields) };
  const { inputs: drafted, states } = draftInputs(context);
  const fed = drafted.map((input) => fillNulls(input, sample));
  const stateOf = Object.fromEntries(states.map(({ input, output }) => [input.name, output]));
  const id = findIdColumn(context.fields);
  const base = {
    inputs: Object.fromEntries(fed.map(({ tensor, keys }) => [tensor.name, keys])),
    ...(states.length === 0 ? {} : { state: stateOf }),
    keep: [...(id === null ? [] : [id]), ...partColumns(fed)],
  };
  const { outputs, omitted } = draftOutputs(context, base);
  const map = {
    ...base,
    outputs: Object.fromEntries(outputs.map(({ column, keys }) => [column, keys])),
  };
  const tried = tryBind(map, context);
  const problems = tried.kind === "fits" ? [] : tried.problems;
  const behind = draftFinish(map, context);
  const note = noteOn(base.inputs, context);
  const inputs = fed.map((input) =>
    input.tensor.name === behind?.input ? { ...input, keys: { ...input.keys, ...behind.keys } } : input,
  );
  const { keep, finish, says: finishNote } = behind ?? { keep: map.keep, finish: [], says: null };
  return {
    ...{ signature, folder, fields, sample, inputs, states, note },
    ...{ outputs, omitted, keep, finish, finishNote, problems },
  };
}

/** Fills nulls of float inputs with NaN, because pandas reads them so, and tree models expect it. */
function fillNulls(input: InputDraft, { nulls }: DataSample): InputDraft {
  const { tensor, keys, questions } = input;
  const columns = [keys.column, keys.columns].flat();
  const holed = nulls.filter((name) => columns.includes(name));
  if (holed.length === 0 || !tensor.dtype.startsWith("float")) return input;
  const what = `${listed(holed)} ${holed.length === 1 ? "has" : "have"} nulls, which become NaN`;
  const choice =
    "decision trees read NaN as missing. For other models, set `fill` to a number, or remove it to dead-letter such rows";
  return { tensor, keys: { ...keys, fill: "NaN" }, questions: [...questions, `${what}: ${choice}`] };
}

/** Returns the finish steps of the first extension that has some. */
function draftFinish(map: DraftedMap, context: DraftContext): DraftedFinish | null {
  const { folder, fields, stepDrafts } = context;
  const names = [...fields.map(({ name }) => name), ...Object.keys(map.outputs)];
  const taken = new Set(names.map((name) => name.toLowerCase()));
  const bind = (whole: DraftedMap) => {
    const tried = tryBind(whole, context);
    return tried.kind === "fits" ? tried.binding : null;
  };
  for (const draft of stepDrafts.values()) {
    const free = (wanted: readonly [string, ...string[]]) => freeName(wanted, taken);
    const found = draft.finish(map, { folder, fields, bind, freeName: free });
    if (found !== null) return found;
  }
  return null;
}

function noteOn(
  inputs: Readonly<Record<string, DraftKeys>>,
  { folder, sample, stepDrafts }: DraftContext,
): DraftNote | null {
  const [note = null] = [...stepDrafts].flatMap(
    ([key, draft]) => draft.note(inputs, { folder, measured: sample.measured[key] ?? null }) ?? [],
  );
  return note;
}

/** Returns the columns that distinguish the rows of one file. */
function partColumns(inputs: readonly InputDraft[]): readonly string[] {
  const named = inputs.flatMap(({ keys }) =>
    FEATURES.flatMap(({ key, keyColumns }) => {
      const spec = keys[key];
      return typeof spec === "object" && spec !== null ? keyColumns(spec) : [];
    }),
  );
  return [...new Set(named)];
}

async function readModel(
  named: string,
  signal: AbortSignal,
): Promise<{ readonly folder: ModelFolder | null; readonly file: ModelFile }> {
  const { path, ...files } = sealModel(named);
  const folder = await readModelFolder({ path }, { ...files, signal });
  return { folder, file: await inspectModel(modelPathOf({ path }, folder), { ...files, signal }) };
}

/** Removes columns with a repeated name, which no job can name. */
export function onceNamed(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ name }) => fields.filter((other) => other.name === name).length === 1);
}
