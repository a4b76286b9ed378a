import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ROWS_FORMATS } from "../../../../shared/domain/output-formats.ts";
import { checkJob, isProblems } from "../../../../shared/job-file/check-job.ts";
import { renderJobFileReference } from "../../../../shared/job-file/job-file-reference.ts";
import {
  choices,
  describeType,
  jobSpecJsonSchema,
  knownKeys,
  schemaAt,
} from "../../../../shared/job-file/json-schema.ts";

describe("the JSON Schema of the job file", () => {
  const schema = jobSpecJsonSchema();

  test("the schema is of draft 2020-12, and has an id, a title and its required keys", () => {
    expect(schema).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $id: "urn:shardmill:job:v1",
      title: "Shardmill job",
      required: ["output"],
      additionalProperties: false,
    });
  });

  test("the schema and the checks of a job file accept the same jobs and refuse the same ones", () => {
    const fromSchema = z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema);
    const job = { input: { path: "a" }, model: { path: "m" }, output: { path: "o" } };
    const good = [
      job,
      { ...job, reduce: { n: "SELECT 1" }, map: { inputs: { x: "c", y: { columns: "f*" } } } },
    ];
    const { input: _input, ...withoutInput } = job;
    const bad = [
      {},
      // Unknown keys, i.e. `additionalProperties`, are tested above. Zod's reader of schemas ignores it
      // beside `anyOf`.
      withoutInput,
      { ...job, errors: { maxRows: -1 } },
      { ...job, map: { batch: { rows: "x" } } },
    ];
    const passesChecks = (value: object) => !isProblems(checkJob(value, { defaultName: "j", folder: "/" }));
    for (const decide of [(value: object) => fromSchema.safeParse(value).success, passesChecks]) {
      expect(good.map(decide)).toEqual([true, true]);
      expect(bad.map(decide)).toEqual([false, false, false, false]);
    }
  });

  test("the schema is a copy, and a change of it does not change the checks", () => {
    Object.assign(schema, { properties: {} });
    expect(knownKeys(schemaAt([]))).toContain("input");
  });

  test("the schema describes every key", () => {
    const missing: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (node === null || typeof node !== "object") return;
      for (const [key, inner] of Object.entries(Reflect.get(node, "properties") ?? {})) {
        const description: unknown = Reflect.get(inner as object, "description");
        if (typeof description !== "string" || description === "") missing.push(`${path}.${key}`);
        visit(inner, `${path}.${key}`);
      }
      visit(Reflect.get(node, "additionalProperties"), `${path}.*`);
      for (const branch of (Reflect.get(node, "anyOf") as unknown[] | undefined) ?? []) visit(branch, path);
    };
    visit(jobSpecJsonSchema(), "job");
    expect(missing).toEqual([]);
  });
});

describe("a place in the job file", () => {
  test("a place is described in words", () => {
    expect(describeType(schemaAt(["map", "batch", "rows"]))).toBe(
      "`auto` or a whole number from 1 to 1,048,576",
    );
    expect(describeType(schemaAt(["model", "check", "maxBeyond"]))).toBe("`auto` or a number from 0 to 1");
    expect(describeType(schemaAt(["map", "inputs", "any", "scale"]))).toBe("a number");
    expect(describeType(schemaAt(["input", "path"]))).toBe("text or a list of text");
    expect(describeType(schemaAt(["map", "inputs", "any"]))).toBe("text or a group of keys");
    expect(describeType(schemaAt(["map", "inputs", "any", "shape"]))).toContain("a list of whole numbers");
    expect(describeType(schemaAt(["errors", "maxRows"]))).toBe("a whole number of at least 0");
  });

  test("a place with choices has a list of them", () => {
    expect(choices(schemaAt(["output", "rows"]))).toEqual([...ROWS_FORMATS]);
  });

  test.each([[["nothing"]], [["map", "toString"]], [["map", "keep", "x"]], [["name", "x"]], [[0]]])(
    "%j is not a place in the job file",
    (path) => {
      expect(schemaAt(path)).toEqual([]);
    },
  );
});

describe("the reference of the job file", () => {
  const lines = renderJobFileReference().trimEnd().split("\n");

  test("the reference is a table with four columns in every line", () => {
    for (const line of lines) expect(line.replaceAll("\\|", "").split("|")).toHaveLength(6);
  });

  test("the reference has every key once, including keys of named entries", () => {
    const keys = lines.slice(2).map((line) => line.split("`")[1]);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toEqual(
      expect.arrayContaining([
        "name",
        "input.path",
        "map.inputs.<name>.column",
        "reduce.<name>.final",
        "errors.maxRows",
      ]),
    );
  });

  test("the reference has the required keys and the defaults", () => {
    expect(lines.find((line) => line.startsWith("| `model.path`"))).toContain("| required |");
    expect(lines.find((line) => line.startsWith("| `output.rows`"))).toContain("| `parquet` |");
  });
});
