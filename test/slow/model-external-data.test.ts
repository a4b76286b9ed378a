import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import { externalMlp } from "../support/external-model.ts";
import { startCoordinator, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { CLASSES, KnownJob, WIDTH } from "../support/known-job.ts";
import { onnxModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";

/** Models with weights in other files, as all models beyond two gigabytes have. */

const never = new AbortController().signal;
const external = externalMlp({ inputs: WIDTH, hidden: 16, outputs: CLASSES });

let job: KnownJob;
beforeEach(async () => {
  job = await KnownJob.make({ rows: 1_500 });
  await job.write("model.onnx", external.model);
  await job.write(external.location, external.data);
});
afterEach(() => job[Symbol.asyncDispose]());

test("weights in other files are found, and are part of the model's digest", async () => {
  const path = job.at("model.onnx");
  const found = await inspectModel(path, { signal: never });
  expect(found.externalData).toEqual([
    {
      location: external.location,
      path: job.at(external.location),
      bytes: external.data.length,
      sha256: sha256(external.data),
    },
  ]);
  expect(found.signature.outputs).toMatchObject([{ name: "logits" }]);
  await job.write(
    external.location,
    external.data.map((byte) => byte ^ 1),
  );
  expect(modelDigest(await inspectModel(path, { signal: never }))).not.toBe(modelDigest(found));
});

test("workers that read the weights, and workers that fetch them, publish the right rows", async () => {
  expect(await runCli(["run", job.path, "--workers", "1"], job)).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
  const { cli, address } = await startCoordinator(job, [job.path, "--fresh"]);
  await using coordinator = cli;
  await using worker = startWorker(job, address, ["--data", "coordinator"]);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});

test("weights that change after planning fail the job", async () => {
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await job.write(
    external.location,
    external.data.map((byte) => byte ^ 1),
  );
  await using worker = startWorker(job, address);
  const { code, stderr } = await coordinator.ended;
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("(MODEL_CHANGED)") });
  expect(stderr).toContain(job.at(external.location));
  await worker.ended;
});

describe("a location of weights", () => {
  const at = (location: string) =>
    onnxModel({
      inputs: [{ name: "x", dtype: "float32", dims: ["batch", 1] }],
      outputs: [{ name: "y", dtype: "float32", dims: ["batch", 1] }],
      nodes: [{ op: "Add", inputs: ["x", "w"], outputs: ["y"] }],
      constants: [{ name: "w", dtype: "float32", dims: [1], data: Float32Array.of(1), external: location }],
    });
  const weights = Buffer.from(Float32Array.of(1).buffer);

  async function inspected(location: string) {
    const home = job.at("models", "one");
    await mkdir(home, { recursive: true });
    const path = join(home, "model.onnx");
    await writeFile(path, at(location));
    return inspectModel(path, { signal: never });
  }

  beforeEach(async () => {
    await job.write("models/outside.bin", weights);
    await job.write("models/one/inside.bin", weights);
    await job.write("models/one/deep/inside.bin", weights);
  });

  test.each([
    ["../outside.bin"],
    ["deep/../../outside.bin"],
    ["/etc/hostname"],
    ["link.bin"],
    ["linked/outside.bin"],
    ["none.bin"],
    ["deep"],
    ["*/_ORT_MEM_ADDR_/*"],
  ])("%s is refused with the names of the tensor and of the location", async (location) => {
    await symlink("../outside.bin", job.at("models", "one", "link.bin"));
    await symlink("..", job.at("models", "one", "linked"));
    await expect(inspected(location)).rejects.toMatchObject({
      code: "MODEL_INVALID",
      fields: { tensor: "w", location },
    });
  });

  test.each([["inside.bin"], ["deep/inside.bin"], ["./inside.bin"], ["stay.bin"]])(
    "%s is inside the model's folder, and is accepted",
    async (location) => {
      await symlink("deep/inside.bin", job.at("models", "one", "stay.bin"));
      expect((await inspected(location)).externalData).toMatchObject([{ location, bytes: 4 }]);
    },
  );

  test("a location is accepted when model and weights are links into a download cache", async () => {
    await job.write("store/a1", at("weights.bin"));
    await job.write("store/b2", weights);
    await mkdir(job.at("snapshot"));
    await symlink("../store/a1", job.at("snapshot", "model.onnx"));
    await symlink("../store/b2", job.at("snapshot", "weights.bin"));
    expect(
      (await inspectModel(job.at("snapshot", "model.onnx"), { signal: never })).externalData,
    ).toMatchObject([{ location: "weights.bin", path: job.at("snapshot", "weights.bin") }]);
    await rm(job.at("store", "b2"));
    await expect(inspectModel(job.at("snapshot", "model.onnx"), { signal: never })).rejects.toMatchObject({
      code: "MODEL_INVALID",
    });
  });
});
