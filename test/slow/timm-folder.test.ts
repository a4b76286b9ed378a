import { Binary, Int32, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { imageFile } from "../support/image-files.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { onnxModel } from "../support/onnx-model.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { failing } from "../support/refusals.ts";
import { only, tableOf } from "../support/sample-table.ts";

const { center } = JSON.parse(imageFile("timm.json").toString("utf8"));

test("a timm folder requires only the image column, and its pixels equal those of Pillow", async () => {
  await using folder = await JobFolder.make({
    files: 0,
    spec: {
      input: { path: "./data" },
      model: { path: "./m" },
      map: { inputs: { x: { column: "photo", image: {} } }, outputs: { means: "means" }, keep: ["id"] },
      reduce: {},
    },
  });
  const model = onnxModel({
    inputs: [{ name: "x", dtype: "float32", dims: ["batch", 3, 32, 32] }],
    outputs: [{ name: "means", dtype: "float32", dims: ["batch", 3] }],
    nodes: [
      { op: "ReduceMean", inputs: ["x"], outputs: ["means"], attributes: { axes: [2, 3], keepdims: 0 } },
    ],
  });
  await folder.write("m/model.onnx", model);
  const config = { architecture: "resnet18", pretrained_cfg: center.config };
  await folder.write("m/config.json", JSON.stringify(config));
  const names = Object.keys(center.made);
  const rows = only(vectorFromArray([...names.keys()], new Int32()));
  const photos = only(vectorFromArray(names.map(imageFile), new Binary()));
  await folder.writeData("data/photos.parquet", tableOf({ id: rows, photo: photos }));

  const plan = await runCli(["plan", folder.job, ...WITHOUT_ESTIMATE]);
  expect(plan.stdout).toMatch(
    /^map\.inputs\.x\.image\.resize +\{"shortestEdge":35\} +config\.json: pretrained_cfg$/m,
  );
  expect(await runCli(["run", folder.job, "--workers", "1"])).toMatchObject({ code: 0 });
  const found = await query(`SELECT to_json(means) FROM '${folder.out}/rows/*.parquet' ORDER BY id`);
  expect(found.map(([means]) => JSON.parse(String(means)))).toEqual(
    names.map((name) => center.made[name].means.map((mean: number) => expect.closeTo(mean, 5))),
  );

  const other = { ...config, pretrained_cfg: { ...center.config, crop_pct: 0.8 } };
  await folder.write("m/config.json", JSON.stringify(other));
  expect((await failing(["run", folder.job])).error.code, "another job").toBe("OUTPUT_OCCUPIED");
  const processor = { image_processor_type: "ViTImageProcessor", size: 32, do_normalize: false };
  await folder.write("m/preprocessor_config.json", JSON.stringify(processor));
  const refused = await failing(["plan", folder.job]);
  expect(refused.error).toMatchObject({
    code: "SPEC_INVALID",
    problems: expect.arrayContaining([
      expect.objectContaining({
        where: expect.stringContaining("map.inputs.x.image"),
        what: expect.stringContaining(
          "config.json: pretrained_cfg: crop_pct differs from preprocessor_config.json",
        ),
      }),
    ]),
  });
});
