import { expect, test } from "vitest";
import { z } from "zod";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { jobSpecJsonSchema } from "../../../../shared/job-file/json-schema.ts";

const JOB = { input: { path: "/in" }, model: { path: "/m.onnx" }, output: { path: "/out" } };

test("a job with a queue needs no input in the JSON Schema", () => {
  const fromSchema = z.fromJSONSchema(jobSpecJsonSchema() as z.core.JSONSchema.JSONSchema);
  const { input: _input, ...job } = JOB;
  const ofQueue = { ...job, trigger: { queue: "amqp://h/v/q", columns: { x: "int8" } } };
  expect(fromSchema.safeParse(ofQueue).success).toBe(true);
  expect(fromSchema.safeParse({ ...ofQueue, trigger: { every: "1h" } }).success).toBe(false);
});

test("`changed` is allowed only where new files start the runs", () => {
  const input = { ...JOB.input, changed: "ignore" };
  expect(checkJobSpec({ ...JOB, input, trigger: { files: "new" } }).input.changed).toBe("ignore");
  expect(() => checkJobSpec({ ...JOB, input, trigger: { every: "1h" } })).toThrow(
    expect.objectContaining({
      problems: [
        expect.objectContaining({
          where: "input.changed",
          expected: "`input.new: true`, or `trigger.files`, beside it",
        }),
      ],
    }),
  );
});

test.each(["sample", "limit"])("`%s` is refused for new files, except in a trial", (key) => {
  const value = key === "sample" ? 0.5 : 7;
  const trigger = { files: "new" };
  expect(() => checkJobSpec({ ...JOB, trigger, input: { ...JOB.input, [key]: value } })).toThrow(
    expect.objectContaining({ problems: [expect.objectContaining({ where: `input.${key}` })] }),
  );
  const trial = { ...JOB.input, [key]: value, new: false };
  expect(checkJobSpec({ ...JOB, trigger, input: trial }).input.new).toBe(false);
});
