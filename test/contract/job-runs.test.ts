import { afterEach, describe, expect, test, vi } from "vitest";
import { EXTENSIONS } from "#extensions";
import { JobsServer } from "../../coordinator/service/jobs-server.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { checkJobSpec } from "../../shared/job-file/check-job.ts";
import { choices, jobSpecJsonSchema, knownKeys, schemaAt } from "../../shared/job-file/json-schema.ts";
import { parseRun } from "../../shared/job-file/read-run.ts";
import { suiteCovers } from "../support/needs.ts";

const parts = EXTENSIONS.flatMap(({ name, runs, command = [] }) =>
  runs === undefined ? [] : [{ name, runs, commands: [command].flat() }],
);
const JOB = { input: { path: "/in" }, model: { path: "/m.onnx" }, output: { path: "/out" } };
const OPTIONS = { path: "/jobs/job.yaml", set: [], env: {} };

const read = (job: object, at?: string) =>
  parseRun(JSON.stringify(job), { ...OPTIONS, at }, Date.parse("2026-12-01T12:00:00Z"));

suiteCovers(parts, "serve");

test("at most one extension makes several runs of a job", () => {
  expect(parts.length).toBeLessThan(2);
});

describe.each(parts)("the runs of $name", ({ runs, commands }) => {
  test("have their own key, a folder that readers skip, and a command that makes them", async () => {
    const { key, news, input, folder, command } = await runs.load();
    const keys = knownKeys(schemaAt([]));
    expect(keys.filter((each) => each === key)).toEqual([key]);
    expect(knownKeys(schemaAt([key]))).toEqual(expect.arrayContaining([news, input.key]));
    expect(folder).toMatch(/^_[a-z]+$/);
    expect(input.path).toMatch(/^_/);
    expect(commands.map(({ usage }) => usage.split(" ")[0])).toContain(command);
  });

  test("do not exist for a job without the key, which refuses the option `at`", () => {
    const { spec, runId, jobOutput } = read(JOB);
    expect(spec).toEqual({ ...checkJobSpec({ ...JOB, name: "jobs" }) });
    expect([runId, jobOutput]).toEqual([null, "/out"]);
    expect(() => read(JOB, "20261201T000000Z")).toThrow(
      expect.objectContaining({
        code: "ARGUMENT_INVALID",
        fields: { option: "at", found: "20261201T000000Z" },
      }),
    );
  });

  test("have a job without the key, and with `input.new` set where the key requests new input", async () => {
    const { key, news } = await runs.load();
    const [value] = choices(schemaAt([key, news]));
    const { spec } = read({ ...JOB, [key]: { [news]: value } });
    expect(spec).not.toHaveProperty(key);
    expect(spec.input.new).toBe(true);
    const changed = { ...JOB.input, changed: "ignore" };
    expect(read({ ...JOB, input: changed, [key]: { [news]: value } }).spec.input.changed).toBe("ignore");
  });

  test("are refused when a submitted job still has the key", async () => {
    const { key, news } = await runs.load();
    const server = new JobsServer({ submit: vi.fn(), jobs: () => [], listed: () => [] });
    const spec = checkJobSpec({ ...JOB, [key]: { [news]: choices(schemaAt([key, news]))[0] } });
    const by = { name: "somebody", role: "submit" } as const;
    await expect(server.submitJob(spec, { fresh: false, by }, NEVER)).rejects.toMatchObject({
      code: "SPEC_INVALID",
      problems: [{ where: key }],
    });
  });

  test("can define the input in their key, also in the JSON schema", async () => {
    const { key, input } = await runs.load();
    expect(jobSpecJsonSchema()).toMatchObject({
      required: ["output"],
      anyOf: [{ required: ["input"] }, { required: [key], properties: { [key]: { required: [input.key] } } }],
    });
  });
});

describe("the engine without an extension for runs", () => {
  afterEach(() => {
    vi.doUnmock("#extensions");
    vi.resetModules();
  });

  async function bare() {
    vi.resetModules();
    vi.doMock("#extensions", () => ({ EXTENSIONS: [] }));
    const jsonSchema = await import("../../shared/job-file/json-schema.ts");
    const run = await import("../../shared/job-file/read-run.ts");
    return { ...jsonSchema, ...run };
  }

  test("a job needs an input, and `input.changed` needs `input.new`", async () => {
    const { jobSpecJsonSchema: schemaOf, parseRun: parse } = await bare();
    expect(schemaOf()).toMatchObject({ required: ["input", "output"] });
    const of = (job: object) => () => parse(JSON.stringify(job), { ...OPTIONS, at: undefined }, 0);
    expect(of({ ...JOB, input: { path: "/in", changed: "ignore" } })).toThrow(
      expect.objectContaining({
        problems: [expect.objectContaining({ expected: "`input.new: true` beside it" })],
      }),
    );
    expect(of({ ...JOB, input: { path: "/in", changed: "ignore", new: true } })).not.toThrow();
  });

  test("the key of runs is unknown, and the option `at` is refused", async () => {
    const { parseRun: parse } = await bare();
    const job = { ...JOB, trigger: { every: "1h" } };
    expect(() => parse(JSON.stringify(job), { ...OPTIONS, at: undefined }, 0)).toThrow(
      expect.objectContaining({
        code: "SPEC_INVALID",
        problems: [expect.objectContaining({ what: expect.stringContaining("unknown key") })],
      }),
    );
    expect(() => parse(JSON.stringify(JOB), { ...OPTIONS, at: "20261201T000000Z" }, 0)).toThrow(
      expect.objectContaining({ code: "ARGUMENT_INVALID" }),
    );
    expect(parse(JSON.stringify(JOB), { ...OPTIONS, at: undefined }, 0)).toMatchObject({
      runId: null,
      jobOutput: "/out",
    });
  });
});
