import { readFileSync } from "node:fs";
import { type Data, Field, FixedSizeList, Float32, makeData } from "apache-arrow";
import { expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { identityModel, withMetadata } from "../support/onnx-model.ts";
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
