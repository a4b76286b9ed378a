import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { buildVersion, packageRoot } from "../../shared/core/package-root.ts";
import { renderTable, type TableData } from "../../shared/terminal/table.ts";
import { type BarPlot, renderBarPlot } from "./bar-plot.ts";

/** Findings of a bench: a table for people, and the same as JSON with the machine and the date. */
interface Figures {
  readonly bench: string;
  /** Description of the run and the aim. */
  readonly about: string;
  /** Values of the options that shaped the run, by name. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly table: TableData;
  /** Facts beyond the numbers. */
  readonly notes?: readonly string[];
  /** Plot of the findings, to which machine and date are added. Default: none. */
  readonly plot?: BarPlot;
}

/** Folder for the files of `report`. The option `--out` sets it. */
let resultsFolder = join(packageRoot, "bench", "results");

export function writeResultsTo(folder: string): void {
  resultsFolder = folder;
}

/**
 * Prints the table, then one line of JSON. Writes the JSON, and the plot as SVG, to `<bench>-<date>` in the
 * results folder.
 */
export function report(figures: Figures): void {
  const { bench, about, options, table } = figures;
  const load = loadavg().map(round).join(", ");
  const notes = [
    ...(figures.notes ?? []),
    `load average of the machine at the end: ${load} (1, 5, 15 minutes)`,
  ];
  const machine = {
    cpu: cpus()[0]?.model ?? "",
    cores: cpus().length,
    memoryGiB: round(totalmem() / 2 ** 30),
  };
  const where = `${machine.cores} x ${machine.cpu}, node ${process.version}, ${today()}`;
  const lines = [
    `${bench}: ${about}`,
    where,
    "",
    renderTable(table),
    "",
    ...notes.map((text) => `- ${text}`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  const rows = table.rows.map((row) =>
    Object.fromEntries(table.columns.map((column, index) => [column, row[index]])),
  );
  const facts = {
    bench,
    date: new Date().toISOString(),
    node: process.version,
    build: buildVersion,
    commit: commit(),
  };
  const json = { ...facts, machine, options, rows, notes };
  process.stdout.write(`${JSON.stringify(json)}\n`);
  writeFiles(figures, JSON.stringify(json, null, 2), where);
}

function writeFiles({ bench, plot }: Figures, json: string, where: string): void {
  mkdirSync(resultsFolder, { recursive: true });
  const base = join(resultsFolder, `${bench}-${today()}`);
  writeFileSync(`${base}.json`, `${json}\n`);
  if (plot !== undefined)
    writeFileSync(`${base}.svg`, renderBarPlot({ ...plot, about: [...plot.about, where] }));
  note(`written: ${base}.json${plot === undefined ? "" : " and .svg"}`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Returns the value below which `share` of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Rounds to at most two decimals, for a table. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Returns the percentage by which `value` exceeds `base`. */
export function addedPercent(value: number, base: number): number {
  return round((value / base - 1) * 100);
}

/** Reports progress on stderr, apart from the result. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "";
  }
}
