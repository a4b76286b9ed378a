import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { channelMeansModel, peakModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";

/** Folders in the layouts of Hugging Face, and what `datasets` reads there: see `make-folders.py`. */

const FIXTURES = join(packageRoot, "test/support/hugging-face");
const EXPECTED: {
  readonly labels: readonly (readonly [label: string, means: readonly number[]])[];
  readonly captions: readonly (readonly [caption: string, means: readonly number[]])[];
  readonly sounds: readonly (readonly [transcription: string, peak: number])[];
} = JSON.parse(await readFile(join(FIXTURES, "folders.json"), "utf8"));

const COLOURS = channelMeansModel(6, 8);
const LOUDEST = peakModel(32);

/** Drafts a job on a folder by `init`, runs it, and returns an input column and an output. */
async function draftedRows(folder: string, model: Uint8Array, columns: readonly [string, string]) {
  await using job = await JobFolder.make({ files: 0 });
  await cp(join(FIXTURES, "folders", folder), job.at(folder), { recursive: true });
  await job.write("model.onnx", model);
  const cwd = job.path;
  const init = await runCli(["init", "--model", "model.onnx", "--input", folder, "-o", "made.yaml"], { cwd });
  expect(init, init.stderr).toMatchObject({ code: 0 });
  const [kept, output] = columns;
  const set = ["--set", `map.keep=[${kept}]`, "--set", `map.outputs={${output}: {tensor: ${output}}}`];
  const run = await runCli(["run", "made.yaml", "--workers", "1", ...set], { cwd });
  expect(run, run.stderr).toMatchObject({ code: 0 });
  return await query(`SELECT ${kept}, ${output} FROM read_parquet('${job.at("out/rows/*.parquet")}')`);
}

const near = (means: readonly number[]) => means.map((mean) => expect.closeTo(mean, 5));

needs(
  "image",
  "init",
  "files",
)("folders of classes are labels, as in `imagefolder`", async () => {
  const rows = await draftedRows("labels", COLOURS, ["folder", "means"]);
  expect(rows).toEqual(EXPECTED.labels.map(([label, means]) => [label, near(means)]));
});

needs(
  "image",
  "init",
  "csv-json",
)("pictures with `metadata.csv` are read as by `imagefolder`", async () => {
  const rows = await draftedRows("captions", COLOURS, ["caption", "means"]);
  const byCaption = (a: readonly unknown[], b: readonly unknown[]) =>
    String(a[0]).localeCompare(String(b[0]));
  expect(rows.toSorted(byCaption)).toEqual(
    EXPECTED.captions.map(([caption, means]) => [caption, near(means)]).toSorted(byCaption),
  );
});

needs(
  "sound",
  "init",
  "csv-json",
)("sounds with `metadata.jsonl` are read as by `audiofolder`", async () => {
  const rows = await draftedRows("sounds", LOUDEST, ["transcription", "peak"]);
  expect(rows).toEqual(EXPECTED.sounds.map(([text, peak]) => [text, expect.closeTo(peak, 6)]));
});
