import { readFileSync } from "node:fs";
import { Binary, type Data, Field, FixedSizeList, Float32, makeData, vectorFromArray } from "apache-arrow";
import sharp from "sharp";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { present } from "../../shared/core/assert.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { identityModel, onnxModel, withMetadata } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";
import { refused } from "../support/refusals.ts";
import { tableOf } from "../support/sample-table.ts";

/** Jobs whose outputs are decoded, compared with the results of other programs. */

const { paddle } = JSON.parse(
  readFileSync(new URL("../support/decoders/ctc.json", import.meta.url), "utf8"),
) as {
  readonly paddle: {
    readonly characters: readonly string[];
    readonly thousandths: readonly (readonly (readonly number[])[])[];
    readonly texts: readonly string[];
    readonly scores: readonly number[];
  };
};
const CLASSES = paddle.characters.length + 2;

/** Returns a column of lists with these values in each row. */
function listsOf(rows: readonly (readonly number[])[]): Data {
  const length = rows[0]?.length ?? 0;
  const child = makeData({ type: new Float32(), data: Float32Array.from(rows.flat()) });
  const type = new FixedSizeList(length, new Field("item", new Float32(), false));
  return makeData({ type, length: rows.length, nullCount: 0, child });
}

async function readerJob(labels: object): Promise<JobFolder> {
  const job = await JobFolder.make({
    files: 0,
    spec: {
      input: { path: "./data", shardRows: 5 },
      map: {
        inputs: { x: "x" },
        outputs: { text: { tensor: "y", op: "ctc", labels } },
        batch: { rows: 2 },
      },
      reduce: {},
    },
  });
  const model = identityModel({ dtype: "float32", dims: ["n", 14, CLASSES] });
  await job.write("model.onnx", withMetadata(model, { character: paddle.characters.join("\n") }));
  await job.write("characters.txt", `${paddle.characters.join("\n")}\n`);
  await job.write("bytes.txt", Uint8Array.of(0xff, 0xfe, 0x41));
  await job.write("short.json", JSON.stringify({ a: 0, b: 1 }));
  const values = paddle.thousandths.map((row) => row.flat().map((value) => value / 1000));
  await job.writeData("data/lines.parquet", tableOf({ x: listsOf(values) }), 4);
  return job;
}

test.each([[{ metadata: "character" }], [{ file: "characters.txt" }]])(
  "lines are read as RapidOCR reads them, with %j",
  async (labels) => {
    await using job = await readerJob(labels);
    expect(await runCli(["run", job.job, "--workers", "2"])).toMatchObject({ code: 0 });
    const rows = await query(
      `SELECT text, text_score FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY filename, file_row_number`,
    );
    expect(rows.map(([text]) => text)).toEqual(paddle.texts);
    expect(rows.map(([, score]) => score)).toEqual(paddle.scores.map((score) => expect.closeTo(score, 4)));
  },
);

/** A detector's tensor, and its boxes in images of several sizes by Ultralytics. */
const BOXES = JSON.parse(
  readFileSync(new URL("../support/decoders/boxes.json", import.meta.url), "utf8"),
) as {
  readonly cases: readonly {
    readonly dims: readonly number[];
    readonly tensor: string;
    readonly kept: { readonly scores: string; readonly indices: readonly number[] };
  }[];
  readonly photos: readonly {
    readonly width: number;
    readonly height: number;
    readonly corners: readonly (readonly number[])[];
  }[];
};

function floatsOf(packed = ""): readonly number[] {
  return [...new Float32Array(Uint8Array.from(Buffer.from(packed, "base64")).buffer)];
}

/** Returns a job of a detector whose tensor comes from a column, with the outputs of the page's example. */
async function detectorJob(image: object): Promise<JobFolder> {
  const page = readFileSync(new URL("../../docs/job-file.md", import.meta.url), "utf8");
  const section = page.split("\n### Boxes of detectors\n")[1] ?? "";
  const example = parse(/^```yaml\n(.*?)^```$/ms.exec(section)?.[1] ?? "") as {
    readonly map: { readonly inputs: object; readonly outputs: { readonly things: object } };
  };
  const { inputs, outputs } = example.map;
  const job = await JobFolder.make({
    files: 0,
    spec: {
      input: { path: "./data", shardRows: 2 },
      map: {
        inputs: { ...inputs, x: "x" },
        outputs: { things: { ...outputs.things, ...image } },
        batch: { rows: 2 },
      },
      reduce: {},
    },
  });
  const [anchors = 0, values = 0] = BOXES.cases[1]?.dims ?? [];
  const tensor = { dtype: "float32", dims: ["n", anchors, values] } as const;
  const model = onnxModel({
    inputs: [
      { name: "images", dtype: "float32", dims: ["n", 3, 64, 64] },
      { name: "x", ...tensor },
    ],
    outputs: [{ name: "output0", ...tensor }],
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["output0"] }],
  });
  await job.write("model.onnx", withMetadata(model, { names: "{0: 'cat', 1: 'dog', 2: 'snowy owl'}" }));
  const photos = await Promise.all(
    BOXES.photos.map(({ width, height }) =>
      sharp({ create: { width, height, channels: 3, background: "red" } })
        .png()
        .toBuffer(),
    ),
  );
  const x = listsOf(photos.map(() => floatsOf(BOXES.cases[1]?.tensor)));
  await job.writeData(
    "data/photos.parquet",
    tableOf({ photo: vectorFromArray(photos, new Binary()).data[0] as Data, x }),
    3,
  );
  return job;
}

test("boxes are where Ultralytics puts them in the images", async () => {
  await using job = await detectorJob({});
  expect(await runCli(["run", job.job, "--workers", "2"])).toMatchObject({ code: 0 });
  const rows = await query(
    `SELECT to_json(things), to_json(things_scores), to_json(things_labels) FROM read_parquet('${job.out}/rows/*.parquet')
     ORDER BY filename, file_row_number`,
  );
  const { scores, indices } = present(BOXES.cases[1], "the second case").kept;
  const near = (value: number) => expect.closeTo(value, 3);
  const labels = indices.map((index) => ["cat", "dog", "snowy owl"][index]);
  expect(rows.map((row) => row.map((cell) => JSON.parse(String(cell))))).toEqual(
    BOXES.photos.map(({ corners }) => [
      corners.map((box) => box.map(near)),
      floatsOf(scores).map((score) => expect.closeTo(score, 6)),
      labels,
    ]),
  );
});

test.each([
  [{ picture: "x" }, "picture", "is not an input made from pictures"],
  [{ head: "yolov8" }, "labels", "not one label for each class"],
])("boxes with %j are refused before any work", async (changes, where, what) => {
  await using job = await detectorJob(changes);
  const { error } = await refused(job);
  expect(error.problems).toMatchObject([
    { where: expect.stringContaining(`map.outputs.things.${where}`), what },
  ]);
});

test.each([
  [{ metadata: "characters" }, "labels.metadata", "the model's metadata have no `characters`"],
  [{ file: "short.json" }, "labels", "not one label for each class"],
  [{ file: "bytes.txt" }, "labels.file", "is not UTF-8, and gives no labels"],
  [{ file: "none.txt" }, "labels.file", "cannot be read"],
  [{ file: "data/" }, "labels.file", "is a folder"],
])("labels from %j are refused before any work", async (labels, where, what) => {
  await using job = await readerJob(labels);
  const { error } = await refused(job);
  expect(error.problems).toMatchObject([
    { where: expect.stringContaining(`map.outputs.text.${where}`), what: expect.stringContaining(what) },
  ]);
});
