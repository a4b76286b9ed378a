import { formatBytes, formatCount } from "../../shared/core/units.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import { whyDecoded } from "../../shared/domain/copied-rows.ts";
import { plannedRows } from "../../shared/domain/dataset-rows.ts";
import { featureOf, programOf, reductionValue, stepKindOf } from "../../shared/domain/features.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { lastStageOf } from "../../shared/domain/job-stages.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { publishedRowBytes } from "../../shared/domain/output-fields.ts";
import { isRowsText } from "../../shared/domain/output-formats.ts";
import { sortOf } from "../../shared/domain/output-shape.ts";
import type { Partitions } from "../../shared/domain/partition.ts";
import { isCombined } from "../../shared/domain/reduction-binding.ts";
import { type Shard, shardRows } from "../../shared/domain/shard.ts";
import { skippedPhrases } from "../../shared/domain/skipped-files.ts";
import { sortMemoryBytes } from "../../shared/domain/sort-memory.ts";
import { madeColumns, type StepBinding, type StepFile } from "../../shared/domain/step-binding.ts";
import type { TypeCheck } from "../../shared/domain/type-check.ts";
import { undecodedPhrases } from "../../shared/domain/undecoded.ts";
import type { FigureLine } from "../../shared/extension/plan.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { counted, labelled, oneLine } from "../../shared/terminal/text.ts";
import { defaultsTable } from "./defaults-text.ts";
import { fileCount, fileFormEntries, listText } from "./file-forms.ts";
import { folderTable } from "./folder-text.ts";
import { modelLines, modelTables } from "./models-text.ts";
import { plannedBatchText } from "./planned-batch-text.ts";

const MAX_FILES = 10;
/** Characters of a digest that are shown: enough to distinguish two by eye. */
const DIGEST_CHARS = 12;
const MAX_CELL_COLUMNS = 100;

/**
 * Shows a planned job: its input, its shards, the inputs of the model and the outputs.
 *
 * @param figures lines of extensions about the job
 */
export function planText(
  plan: PlannedJob,
  figures: readonly FigureLine[] = [],
  style: Style = plainStyle,
): string {
  const { dataset, map } = plan;
  const spec = lastStageOf(plan.spec);
  const bytes = dataset.files.reduce((sum, file) => sum + file.bytes, 0);
  const rows = dataset.files.reduce((sum, file) => sum + file.rows, 0);
  const facts: FigureLine[] = [
    [
      "input",
      `${counted(rows, "row")} in ${counted(fileCount(dataset.files), "file")}, ${formatBytes(bytes)}`,
    ],
    ...fileFormEntries(dataset),
    ["folders", foldersText(plan.partitions)],
    ...skippedPhrases(plan.skippedFiles).map((phrase, index): [string, string] => [
      index === 0 ? "excluded" : "",
      oneLine(phrase),
    ]),
    ...undecodedPhrases(plan.undecoded).map((phrase, index): [string, string] => [
      index === 0 ? "not UTF-8" : "",
      oneLine(phrase),
    ]),
    ["where", spec.input.where === undefined ? null : oneLine(spec.input.where)],
    ["pruned", spec.input.where === undefined ? null : prunedText(plan)],
    ["trial", trialText(plan)],
    ["shards", shardsText(plan)],
    ...modelLines(plan),
    ["batch", plan.model === null ? null : plannedBatchText(plan)],
    ["keep", map.keep.length === 0 ? null : map.keep.map(({ name }) => oneLine(name)).join(", ")],
    ["reduce", Object.keys(spec.reduce).length === 0 ? null : reductionsText(plan)],
    ["combine", combineText(plan)],
    ...plan.typeChecks.map((check, index): [string, string] => [
      index === 0 ? "types" : "",
      typesText(check),
    ]),
    ["output", `${oneLine(spec.output.path)}, rows as ${rowsText(spec.output)}`],
    ["sort", sortText(plan)],
    [
      "dead letters",
      spec.errors.maxRows === 0 ? "none allowed" : `at most ${formatCount(spec.errors.maxRows)}`,
    ],
    ...figures,
  ];
  return [
    style.bold(oneLine(spec.name)),
    ...labelled(facts, style.dim),
    "",
    filesTable(plan, style),
    ...folderTable(plan.folder, style),
    ...defaultsTable(plan, style),
    ...stepsTable(map, style),
    ...programTable(plan, style),
    ...tablesTable(plan, style),
    ...modelTables(plan, style),
  ].join("\n");
}

/** Describes the columns from folders, or why there are none. */
function foldersText(partitions: Partitions): string | null {
  if (partitions.kind === "none")
    return partitions.why === null ? null : `no columns: ${oneLine(partitions.why)}`;
  return namesText(partitions.fields.map(({ name, type }) => `${name} ${showType(type)}`));
}

/** Describes the rows that the files' statistics rule out. `where` drops further rows when they are read. */
function prunedText(plan: PlannedJob): string {
  const { pruned, total } = plannedRows(plan);
  if (pruned === 0) return "nothing: every row is read";
  return `${formatCount(pruned)} of ${counted(pruned + total, "row")}: excluded by the files' statistics`;
}

/** Describes the rows of a trial. Null: the job takes all rows. */
function trialText(plan: PlannedJob): string | null {
  const { sample, limit } = plan.spec.input;
  if (sample === undefined && limit === undefined) return null;
  const { total, skipped } = plannedRows(plan);
  const how = [
    ...(sample === undefined ? [] : [`sample ${sample.share}, seed ${sample.seed}`]),
    ...(limit === undefined ? [] : [`limit ${formatCount(limit)}`]),
  ];
  return `${formatCount(total)} of ${counted(total + skipped, "row")}: ${how.join(", then ")}`;
}

function shardsText(plan: PlannedJob): string {
  const files = mostFiles(plan);
  return files > 1 ? `${sizesText(plan)}, of up to ${formatCount(files)} files` : sizesText(plan);
}

/** Returns the largest number of files that one shard spans. */
function mostFiles(plan: PlannedJob): number {
  const rows = plannedRows(plan);
  const filesOf = (shard: Shard) => new Set(rows.slicesOf(shard).map(({ file }) => file)).size;
  return plan.shards.reduce((most, shard) => Math.max(most, filesOf(shard)), 0);
}

function sizesText({ shards }: PlannedJob): string {
  const sizes = shards.map(shardRows).sort((a, b) => a - b);
  const [least, middle, most] = [0, Math.floor((sizes.length - 1) / 2), sizes.length - 1].map(
    (at) => sizes[at],
  );
  if (least === undefined || middle === undefined || most === undefined) return "none: there are no rows";
  if (least === most) return `${formatCount(sizes.length)} of ${counted(least, "row")}`;
  const [low, median, high] = [least, middle, most].map(formatCount);
  return `${formatCount(sizes.length)} of ${low} to ${high} rows, median ${median}`;
}

function reductionsText({ spec }: PlannedJob): string {
  return Object.entries(spec.reduce)
    .map(([name, reduction]) => {
      const sql = reduction.combine === undefined ? "final only" : "combine, final";
      const how = reductionValue(reduction)?.part.key ?? sql;
      const parts = reduction.by === undefined ? "" : `, in parts by ${namesText(reduction.by)}`;
      return `${oneLine(name)} (${how}${parts})`;
    })
    .join(", ");
}

/** Describes how workers get the rows of a job without a model that reductions combine. */
function combineText(plan: PlannedJob): string | null {
  if (plan.model !== null || !Object.values(plan.spec.reduce).some(isCombined)) return null;
  const why = whyDecoded(plan);
  if (why === null) return "DuckDB reads copies of the input's row groups";
  return `rows are decoded first: ${oneLine(why)}`;
}

function filesTable({ dataset }: PlannedJob, style: Style): string {
  const rows = dataset.files.map((file) => [listText(file), file.rows, formatBytes(file.bytes)]);
  const columns = ["file", "rows", "size"];
  return renderTable({ columns, rows }, style, { maxRows: MAX_FILES, maxCellColumns: MAX_CELL_COLUMNS });
}

/** Describes the order of the parts, and the memory for sorting the longest one. */
function sortText({ spec, shards, map }: PlannedJob): string | null {
  const { sort, fileRows = 0 } = spec.output;
  if (sort === undefined) return null;
  const { by, across } = sortOf(sort);
  const keys = by.map(({ column, order }) => `${order === "descending" ? "-" : ""}${oneLine(column)}`);
  const rows = shards.reduce((most, shard) => Math.max(most, shardRows(shard)), fileRows);
  const bytes = sortMemoryBytes(rows, rows * publishedRowBytes(map));
  const all = across === "all" ? ", all parts in one order" : "";
  return `${keys.join(", ")}${all}: ${counted(rows, "row")} at once, which take about ${formatBytes(bytes)} of memory`;
}

/** Shows the steps in the order in which rows pass them, `finish` steps last. Empty: no steps. */
function stepsTable({ prepare, finish }: MapBinding, style: Style): string[] {
  const rows = [...prepare, ...finish].map((step) => [
    step.where,
    namesText(step.reads),
    namesText(madeColumns(step).map(({ name, type }) => `${name} ${showType(type)}`)),
    howText(step),
  ]);
  if (rows.length === 0) return [];
  const hasHow = rows.some(([, , , how]) => how !== "");
  const columns = ["step", "reads", "makes", ...(hasHow ? ["how"] : [])];
  const shown = hasHow ? rows : rows.map((row) => row.slice(0, -1));
  const table = renderTable({ columns, rows: shown }, style, { maxCellColumns: MAX_CELL_COLUMNS });
  const programs = [...prepare, ...finish].flatMap((step) => programLine(step) ?? []);
  return ["", table, ...programs];
}

/** Shows reductions by programs. Empty: none. */
function programTable({ spec, reductions }: PlannedJob, style: Style): string[] {
  const found = Object.values(reductions);
  if (found.length === 0) return [];
  const rows = found.map(({ where, reads, combined, columns }) => [
    oneLine(where),
    ...[reads, combined, columns].map(namesText),
  ]);
  const columns = ["reduction", "reads", "combined", "columns"];
  const table = renderTable({ columns, rows }, style, { maxCellColumns: MAX_CELL_COLUMNS });
  const programs = Object.entries(reductions).map(([name, { where, path, file }]) => {
    const key = reductionValue(spec.reduce[name] ?? {})?.part.key ?? "";
    return fileLine(where, `${key} ${oneLine(path)}`, file);
  });
  return ["", table, ...programs];
}

/** Shows the tables that SQL can join with. Empty: none. */
function tablesTable({ spec, tables }: PlannedJob, style: Style): string[] {
  const rows = Object.entries(tables).map(([name, table]) => {
    return [name, oneLine(spec.tables?.[name] ?? ""), table.rows, formatBytes(table.bytes)];
  });
  if (rows.length === 0) return [];
  const columns = ["table", "file", "rows", "size"];
  return ["", renderTable({ columns, rows }, style, { maxCellColumns: MAX_CELL_COLUMNS })];
}

/** Describes a step beyond its inputs and outputs. SQL needs no description: its author knows it. */
function howText({ op }: StepBinding): string {
  switch (op.kind) {
    case "sql":
      return "";
    case "feature":
      return featureOf(op.feature).show(op.data);
    case "extension":
      return stepKindOf(op.step).show(op.data);
    case "model":
      return "model";
  }
}

/** Describes the format of the published rows: `parquet`, `csv, gzip`. */
function rowsText({ rows, compression = "none" }: PlannedJob["spec"]["output"]): string {
  return isRowsText(rows) && compression !== "none" ? `${rows}, ${compression}` : rows;
}

function typesText(check: TypeCheck): string {
  const path = oneLine(check.path);
  if (check.kind === "checked") return `${path} checked with typescript ${check.typescript}`;
  return `${path} not checked: ${oneLine(check.why)}`;
}

/** Describes the program of a step. Null: it runs none. */
function programLine(step: StepBinding): string | null {
  const path = programOf(step);
  const [file] = step.files;
  if (path === null || file === undefined || step.op.kind !== "extension") return null;
  return fileLine(step.where, `${step.op.step} ${oneLine(path)}`, file);
}

/** Describes a program with its size and digest. */
function fileLine(where: string, program: string, { bytes, sha256 }: StepFile): string {
  const digest = sha256.slice(0, DIGEST_CHARS);
  return `${oneLine(where)}: ${program} (${formatBytes(bytes)}, sha256 ${digest})`;
}

function namesText(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.map(oneLine).join(", ");
}
