import { readFile, rm } from "node:fs/promises";
import { expect, test } from "vitest";
import {
  classOf,
  expectLargest,
  expectMeans,
  PICTURE_PATHS,
  PICTURES,
  pictureJob,
  SOUNDS,
  soundRowsJob,
  writePictures,
} from "../support/file-rows.ts";
import { imageFile } from "../support/image-files.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli, startCli } from "../support/processes.ts";
import { failing, refused } from "../support/refusals.ts";
import { soundFile } from "../support/sound-files.ts";

/** Jobs over folders of files, each of which is a row. */

const run = (job: JobFolder, ...more: string[]) => runCli(["run", job.job, "--workers", "1", ...more]);
const planOf = async (job: JobFolder) =>
  JSON.parse((await runCli(["plan", job.job, ...WITHOUT_ESTIMATE, "--json"])).stdout);

test("a folder of pictures is read as Pillow reads it, with the columns that are kept", async () => {
  const keep = ["path", "folder", "location", "size", "modified", "version", "content"];
  await using job = await pictureJob({ input: { path: "./photos" }, keep });
  await writePictures(job);
  const plan = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE]);
  expect(plan.stdout).toMatch(new RegExp(`input +${PICTURES.length} rows in ${PICTURES.length} files`));
  expect(await run(job)).toMatchObject({ code: 0 });
  await expectMeans(job, PICTURE_PATHS);
  const kept = await query(
    `SELECT path, folder, location, kept.size, version, sha256(kept.content) = sha256(bytes.content),
            abs(epoch_ms(modified) - epoch_ms(bytes.last_modified)) < 2000
     FROM read_parquet('${job.out}/rows/*.parquet') AS kept
     JOIN read_blob('${job.at("photos")}/*/*') AS bytes ON location = bytes.filename ORDER BY path`,
  );
  expect(kept).toEqual(
    PICTURE_PATHS.map((path) => {
      const name = path.slice(5);
      const size = BigInt(imageFile(name).length);
      const place = job.at(`photos/${path}`);
      return [path, classOf(name), place, size, expect.stringMatching(/^\d/), true, true];
    }),
  );
});

test("a glob of one ending needs no format, and sounds are read as their samples", async () => {
  await using job = await soundRowsJob({ path: "./talks/*.{wav,flac}" });
  for (const name of SOUNDS) await job.write(`talks/${name}`, soundFile(name));
  await job.write("talks/notes.csv", "a\n1\n");
  expect(await run(job)).toMatchObject({ code: 0 });
  await expectLargest(job);
});

test("hive folders are columns, and `where` on them reads no other file", async () => {
  const input = {
    path: "./photos",
    where: "label = 'cats' AND size > 0 AND path <> 'label=cats/damaged.png'",
  };
  await using job = await pictureJob({ input, keep: ["path", "label"] });
  for (const name of PICTURES) await job.write(`photos/label=${classOf(name)}/${name}`, imageFile(name));
  // A picture that is excluded is not read, so that its damage does no harm.
  await job.write("photos/label=dogs/rgb.png", "damaged");
  await job.write("photos/label=cats/damaged.png", "damaged");
  const cats = PICTURES.filter((name) => classOf(name) === "cats").map((name) => `label=cats/${name}`);
  expect(await run(job)).toMatchObject({ code: 0 });
  await expectMeans(job, cats.sort());
  const labels = await query(`SELECT DISTINCT label FROM read_parquet('${job.out}/rows/*.parquet')`);
  expect(labels).toEqual([["cats"]]);
});

test("`limit` reads the first files, and `sample` a share", async () => {
  await using job = await pictureJob({ input: { path: "./photos", limit: 3 } });
  await writePictures(job);
  expect(await run(job)).toMatchObject({ code: 0 });
  await expectMeans(job, PICTURE_PATHS.slice(0, 3));
  await rm(job.out, { recursive: true });
  const sampled = await run(job, "--set", "input.limit=null", "--set", "input.sample=0.5", "--json");
  expect(JSON.parse(sampled.stdout).rows).toBeGreaterThan(0);
});

test("a file that vanished or changed, or is no picture, is a dead letter with its own place", async () => {
  await using job = await pictureJob({ input: { path: "./photos" }, maxRows: 3 });
  await writePictures(job);
  await job.write("photos/dogs/none.jpg", "no picture");
  const args = ["coordinator", job.job, "--listen", "127.0.0.1:0", "--log-level", "warn"];
  await using coordinator = startCli(args, { limitMs: 300_000 });
  const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
  const [gone = "", changed = "", ...others] = PICTURE_PATHS;
  await rm(job.at(`photos/${gone}`));
  await job.write(`photos/${changed}`, imageFile("rgb.png"));
  await using worker = startCli(["worker", "--coordinator", address, "--device", "cpu", "--workers", "1"], {
    limitMs: 300_000,
  });
  expect(await coordinator.ended).toMatchObject({ code: 3 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectMeans(job, others);
  const dead = await query(
    `SELECT file, row, stage, code, message FROM read_parquet('${job.out}/_errors/*.pq') ORDER BY code, file`,
  );
  expect(dead).toEqual([
    ...[
      [gone, "the file was removed since the job was planned"],
      [changed, "the file changed since the job was planned"],
    ].map(([path, message]) => [job.at(`photos/${path}`), 0n, "read", "ROW_UNREADABLE", message]),
    [job.at("photos/dogs/none.jpg"), 0n, "prepare", "ROW_VALUE", expect.stringContaining("is not a JPEG")],
  ]);
});

test("each run over new files reads only files that no run has read", async () => {
  await using job = await pictureJob({ input: { path: "./photos", new: true } });
  const [first = "", second = "", third = ""] = PICTURES;
  for (const name of [first, second]) await job.write(`photos/${name}`, imageFile(name));
  const began = await run(job);
  expect(began).toMatchObject({ code: 0 });
  expect(began.stderr).toContain("run 1, over 2 new files");
  await job.write(`photos/${third}`, imageFile(third));
  expect((await run(job)).stderr).toContain("run 2, over 1 new file: 2 others were read by 1 earlier run");
  await expectMeans(job, [first, second].sort(), "run=000001/rows");
  await expectMeans(job, [third], "run=000002/rows");
  expect((await run(job)).stdout).toContain("nothing new: 3 files");
});

test("texts are rows with their text, and documents are refused by name", async () => {
  const input = { path: "./texts", format: "files" };
  await using job = await pictureJob({ input });
  await job.writeJob({
    input,
    map: {
      prepare: [{ sql: "SELECT path, content, [length(content), 0, 0, 0]::FLOAT[4] AS x FROM rows" }],
      inputs: { input: "x" },
      outputs: { best: { tensor: "logits", op: "argmax" } },
      keep: ["path", "content"],
    },
    reduce: {},
  });
  await using other = await JobFolder.make({ files: 0 });
  await job.write("model.onnx", await readFile(other.at("model.onnx")));
  await job.write("texts/a.txt", "Grüße");
  await job.write("texts/deep/b.md", "\ufeff# Title\n");
  expect(await run(job)).toMatchObject({ code: 0 });
  const rows = await query(
    `SELECT path, content FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY path`,
  );
  expect(rows).toEqual([
    ["a.txt", "Grüße"],
    ["deep/b.md", "# Title\n"],
  ]);
  await job.write("texts/c.pdf", "%PDF-1.7");
  const { error } = await failing(["plan", job.job, "--set", "input.types.content=string"]);
  expect(error).toMatchObject({ code: "INPUT_UNSUPPORTED", message: expect.stringContaining("c.pdf") });
});

test("a folder without files, or with others than known ones, fails with its place and the remedy", async () => {
  await using job = await pictureJob({ input: { path: "./photos" } });
  await job.write("photos/_hidden.jpg", "");
  expect((await refused(job)).error).toMatchObject({ code: "INPUT_NOT_FOUND" });
  await writePictures(job);
  await job.write("photos/notes.xyz", "");
  const { error } = await refused(job);
  expect(error).toMatchObject({
    code: "INPUT_NOT_FOUND",
    hint: expect.stringContaining("set input.format to files"),
    problems: [expect.objectContaining({ where: job.at("photos") })],
  });
  await job.writeJob({ input: { path: "./photos/**/*.jpeg" } });
  expect((await refused(job)).error.problems[0]?.what).toContain("no file matches");
});

test("`init` on a folder of pictures writes a job that runs, and offers the folders as classes", async () => {
  await using job = await pictureJob({ input: { path: "./photos" } });
  await writePictures(job);
  const args = [
    "init",
    "--model",
    job.at("model.onnx"),
    "--input",
    job.at("photos"),
    "-o",
    job.at("new.yaml"),
  ];
  expect(await runCli(args)).toMatchObject({ code: 0 });
  const yaml = await readFile(job.at("new.yaml"), "utf8");
  expect(yaml).toContain("format: files");
  expect(yaml).toContain("is the class of a row: cats, dogs");
  expect(yaml).toMatch(/column: content/);
  expect(yaml).toMatch(/keep: \[ ?path, folder ?\]|keep:\n +- path\n +- folder/);
  expect(await runCli(["run", job.at("new.yaml"), "--workers", "1"])).toMatchObject({ code: 0 });
});

test("the plan has the columns, and neither plan nor journal has content", async () => {
  await using job = await pictureJob({ input: { path: "./photos" } });
  await writePictures(job);
  const { files } = await planOf(job);
  expect(files).toEqual([
    expect.objectContaining({ path: job.at(`photos/${PICTURE_PATHS[0]}`), rows: PICTURES.length }),
  ]);
  expect(JSON.stringify(files).length).toBeLessThan(2_000);
});
