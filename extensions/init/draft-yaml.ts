import { relative } from "node:path/posix";
import { folderPhrases } from "../../coordinator/plan/folder/folder-phrases.ts";
import { withoutTrailingSlashes } from "../../shared/core/without-slashes.ts";
import { describeFieldType } from "../../shared/dataset/columns.ts";
import { FILE_KEYS, INPUT_FILE_KEYS } from "../../shared/domain/features.ts";
import { formatDims, type TensorInfo } from "../../shared/domain/tensor.ts";
import { type DraftKeys, listed, type SeenFiles } from "../../shared/extension/feature-draft.ts";
import { type CommentedEntry, commentedYaml } from "../../shared/job-file/commented-yaml.ts";
import { counted } from "../../shared/terminal/text.ts";
import type { JobDraft } from "./draft-job.ts";

/** Paths of a drafted job, as the file has them. */
export interface DraftPaths {
  /** Path of the job file, as a user would type it. Null: it is not written to a file. */
  readonly job: string | null;
  /** Absolute folder of the job file. */
  readonly folder: string;
  readonly model: string;
  readonly input: string | readonly string[];
  readonly output: string;
}

/** Marker of questions that only the user can answer. Editors highlight such lines. */
export const ASK = "TODO:";

/** Limit of listed columns. Wider schemas would hide the job. */
const MOST_COLUMNS = 40;

/** Formats a drafted job as a job file. Its comments have the findings and the open questions. */
export function draftYaml(draft: JobDraft, paths: DraftPaths): string {
  const job = paths.job ?? "job.yaml";
  const head = [
    `A first job for this model and this data. Check it with \`shardmill plan ${job}\`, run it with \`shardmill run ${job}\`.`,
    `Lines with ${ASK} are questions that the model and the data leave open. All keys: docs/job-file.md.`,
    ...draft.problems.map(({ where, what }) => `${ASK} this job cannot run yet: ${where}: ${what}`),
  ];
  const entries: CommentedEntry[] = [
    { key: "input", above: dataLines(draft), value: { entries: inputEntries(draft, paths) } },
    { key: "model", above: modelLines(draft), value: { entries: modelEntries(paths) } },
    { key: "map", above: [], value: { entries: mapEntries(draft, paths) } },
    ...endEntries(paths),
  ];
  return commentedYaml(entries, head);
}

/** Returns the keys that all drafts end with. */
export function endEntries({ output }: Pick<DraftPaths, "output">): readonly CommentedEntry[] {
  const errors = "Rows that cannot be mapped are written to _errors/. More rows than this fail the job.";
  return [
    {
      key: "output",
      above: ["Where the result is published, in one step."],
      value: { entries: [plain("path", output), plain("rows", "parquet")] },
    },
    { key: "errors", above: [], value: { entries: [plain("maxRows", 0, [errors])] } },
  ];
}

/** Counts the lines of a draft with open questions. */
export function openQuestions(yaml: string): number {
  return yaml.split("\n").filter((line) => new RegExp(`^\\s*# ${ASK}`).test(line)).length;
}

function plain(key: string, inline: unknown, above: readonly string[] = []): CommentedEntry {
  return { key, value: { inline }, above };
}

function requested(questions: readonly string[]): readonly string[] {
  return questions.map((question) => `${ASK} ${question}`);
}

export function dataLines({
  fields,
  rows,
  sample,
}: Pick<JobDraft, "fields" | "rows" | "sample">): readonly string[] {
  const shown = fields
    .slice(0, MOST_COLUMNS)
    .map(({ name, type }) => `  ${name}: ${describeFieldType(type)}${seenText(sample.files.get(name))}`);
  const more = fields.length - shown.length;
  return [
    `${counted(rows, "row")} of these columns:`,
    ...shown,
    ...(more > 0 ? [`  ... and ${counted(more, "more column")}`] : []),
    ...(sample.failure === null ? [] : [`The first rows could not be read: ${sample.failure}`]),
  ];
}

function seenText(seen: SeenFiles | undefined): string {
  if (seen === undefined) return "";
  const { what, rates } = seen;
  return `, of ${what}${rates.length === 0 ? "" : ` with ${rates.join(", ")} samples a second`}`;
}

function modelLines({ signature, folder }: JobDraft): readonly string[] {
  return [
    ...signature.inputs.map((tensor) => `in   ${tensorText(tensor)}`),
    ...signature.outputs.map((tensor) => `out  ${tensorText(tensor)}`),
    ...signature.unusable.map(({ name, kind }) => `out  ${name}: ${kind}`),
    ...(folder === null
      ? []
      : [
          `The folder's model is ${folder.file}${folder.otherFiles.length === 0 ? "" : `. \`file:\` can choose ${folder.otherFiles.join(", ")}`}.`,
          ...folderPhrases(folder).map(([what, said]) => `The folder says: ${what}: ${said}`),
        ]),
  ];
}

function tensorText({ name, dtype, dims }: TensorInfo): string {
  return `${name}: ${dtype} ${formatDims(dims)}`;
}

export function inputEntries(
  { remedy, rowFiles }: Pick<JobDraft, "remedy" | "rowFiles">,
  { input }: Pick<DraftPaths, "input">,
): readonly CommentedEntry[] {
  return [
    plain("path", input),
    ...(rowFiles === null ? [] : [plain("format", rowFiles.format, ["Each file is a row."])]),
    ...(remedy === null ? [] : [plain(remedy.format, remedy.options, [remedy.says])]),
  ];
}

function modelEntries({ model }: DraftPaths): readonly CommentedEntry[] {
  return [
    plain("path", model),
    plain("device", "auto", ["The best device of each machine: cpu, cuda, tensorrt, webgpu, coreml, dml."]),
  ];
}

function mapEntries(draft: JobDraft, paths: DraftPaths): readonly CommentedEntry[] {
  const { inputs, outputs, omitted, keep } = draft;
  const left = omitted.map(({ tensor, why }) => `The model's output ${tensor} is not used: ${why}.`);
  return [
    {
      key: "inputs",
      above: [...choiceLines(draft, paths), "How each input of the model is made from columns."],
      value: {
        entries: inputs.map(({ tensor, keys, questions }) =>
          plain(tensor.name, asWritten(keys, draft, paths), [
            ...noteLines(draft, tensor.name),
            ...requested(questions),
          ]),
        ),
      },
    },
    ...stateEntries(draft),
    {
      key: "outputs",
      above: ["The columns that are made from the model's outputs, by name.", ...left],
      value: {
        entries: outputs.map(({ column, keys, notes, questions }) =>
          plain(column, keys, [...notes, ...requested(questions)]),
        ),
      },
    },
    plain("keep", keep, keepLines(draft)),
    ...finishEntries(draft),
  ];
}

function finishEntries({ finish, finishNote }: JobDraft): readonly CommentedEntry[] {
  if (finishNote === null) return [];
  return [{ key: "finish", above: [finishNote], value: { items: finish } }];
}

function noteLines({ note }: JobDraft, input: string): readonly string[] {
  return note?.input === input ? requested([note.question]) : [];
}

/** Returns an optional step as a comment. The user chooses by it what a result row is. */
function choiceLines(draft: JobDraft, paths: DraftPaths): readonly string[] {
  const prepare = draft.note?.prepare ?? null;
  if (prepare === null) return [];
  const step = { [prepare.key]: asWritten(prepare.value, draft, paths) };
  const yaml = commentedYaml([{ key: "prepare", above: [], value: { items: [step] } }], []);
  return [prepare.says, ...yaml.trimEnd().split("\n")];
}

function stateEntries({ states }: JobDraft): readonly CommentedEntry[] {
  if (states.length === 0) return [];
  const above =
    "The model's output for one part of a row, such as a window of a sound, is an input of the next part.";
  const byInput = Object.fromEntries(states.map(({ input, output }) => [input.name, output]));
  return [plain("state", byInput, [above])];
}

/**
 * Returns the keys with paths for the job file. Files of the model's folder follow the model's path, and
 * other folders are relative to the job file.
 */
function asWritten(keys: DraftKeys, { folder }: JobDraft, paths: DraftPaths): DraftKeys {
  const written = { ...keys };
  for (const key of folder === null ? [] : INPUT_FILE_KEYS) {
    const file = keys[key];
    if (typeof file === "string")
      written[key] = `${withoutTrailingSlashes(paths.model)}${file.slice(folder?.path.length)}`;
  }
  for (const key of FILE_KEYS) {
    const files = keys[key];
    if (typeof files !== "object" || files === null || !("folder" in files)) continue;
    const { folder: place, ...rest } = files;
    const from = relative(paths.folder, String(place));
    written[key] = from === "" ? rest : { ...rest, folder: from.startsWith("..") ? from : `./${from}` };
  }
  return written;
}

function keepLines({ inputs, keep, fields, rowFiles }: JobDraft): readonly string[] {
  const used = new Set([...keep, ...inputs.flatMap(({ keys }) => [keys.column, keys.columns].flat())]);
  const others = fields.map(({ name }) => name).filter((name) => !used.has(name));
  return [
    "Columns of the input that are copied to the output.",
    ...(keep.length > 0 ? [] : [`${ASK} no column looks like an id. Name the columns that identify a row.`]),
    ...classLines(rowFiles?.folders ?? []),
    ...(others.length > 0 ? [`Other columns: ${listed(others)}`] : []),
  ];
}

/** Offers the folders of files as their classes. */
function classLines(folders: readonly string[]): readonly string[] {
  if (folders.length === 0) return [];
  const names = folders.slice(0, MOST_COLUMNS).join(", ");
  const more = folders.length > MOST_COLUMNS ? ", ..." : "";
  return [`If folders are classes, \`folder\` is the class of a row: ${names}${more}`];
}
