import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { CATALOGUE } from "./catalogue.ts";
import { brokenBounds, checkModel, preparePython } from "./check-model.ts";
import { type CheckedModel, distanceLine, modelsPage } from "./page.ts";

/**
 * `npm run models`: compares real models, run by their job files, with reference programs. Exits with 1 on a
 * difference.
 */

/** Maximum size of models that CI fetches and runs. */
const SMALL_MEGABYTES = 30;

const names = CATALOGUE.map(({ source }) => source.name);
const options = await yargs(hideBin(process.argv))
  .scriptName("npm run models --")
  .usage(`$0 [names..]\n\nRuns real models from their natural data, compares every row with a reference program.
Models: ${names.join(", ")}; all where none is named.`)
  .option("rows", { type: "number", describe: "Rows of each model at most" })
  .option("small", { type: "boolean", describe: `Only models of ${SMALL_MEGABYTES} MB at most` })
  .option("write", {
    type: "boolean",
    describe: "Write docs/models.md: the rows of the models that are run, those of others as they are",
  })
  .conflicts("write", ["rows", "small"])
  .check(({ _: requested }) => {
    const unknown = requested.filter((name) => !names.includes(String(name)));
    if (unknown.length > 0) throw new Error(`there is no model ${unknown.join(", ")}`);
    return true;
  })
  .strictOptions()
  .version(false)
  .parseAsync();

const { _: requested, rows, small = false, write = false } = options;
const chosen = CATALOGUE.filter(
  ({ source, megabytes }) =>
    (requested.length === 0 || requested.includes(source.name)) && (!small || megabytes <= SMALL_MEGABYTES),
);
const python = preparePython();
const checked: CheckedModel[] = [];
for (const model of chosen) {
  const { source, embeddings } = model;
  try {
    const found = await checkModel(model, Math.min(rows ?? model.rows, model.rows), python);
    checked.push({ model, found });
    console.log(`${source.name}: ${found.rows} rows, ${distanceLine(found, embeddings)}`);
    const broken = brokenBounds(found, embeddings);
    for (const bound of broken) console.log(`  beyond the bound: ${bound}`);
    if (broken.length > 0) process.exitCode = 1;
  } catch (error) {
    console.log(`${source.name}: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
if (write && process.exitCode === undefined) {
  const path = join(packageRoot, "docs", "models.md");
  const page = { date: new Date().toISOString().slice(0, 10), before: readFileSync(path, "utf8") };
  writeFileSync(path, modelsPage(CATALOGUE, checked, page));
}
