import { describe, expect, expectTypeOf, test } from "vitest";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { JOB_FILE_SCHEMA, type JobFile, type JobSpec } from "../../../../shared/domain/job-spec.ts";
import type { InputSpec, OutputSpec } from "../../../../shared/domain/map-spec.ts";
import type { ReductionSpec } from "../../../../shared/domain/reduce-spec.ts";
import type { ValueElement } from "../../../../shared/input-sources/same-value.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";

const FILE: JobFile = {
  name: "digits",
  input: { path: "/data/a.parquet" },
  model: { path: "/m.onnx" },
  map: { inputs: { image: "pixels", other: { columns: ["a", "b"] } }, outputs: { y: "logits" } },
  reduce: { n: "SELECT 1" },
  output: { path: "/out" },
};

type Lists = ValueElement | readonly ValueElement[] | readonly (readonly ValueElement[])[];

describe("the types of the job file", () => {
  test("a spec has every default and is read-only", () => {
    expectTypeOf<JobSpec["name"]>().toEqualTypeOf<string>();
    expectTypeOf<JobSpec["input"]["path"]>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<JobSpec["input"]["shardRows"]>().toEqualTypeOf<number | "auto">();
    expectTypeOf<JobSpec["map"]["batch"]>().toEqualTypeOf<{
      readonly rows: number | "auto";
      readonly tokens: number | "auto";
    }>();
    expectTypeOf<JobSpec["map"]["inputs"]>().toEqualTypeOf<Readonly<Record<string, InputSpec>>>();
    expectTypeOf<JobSpec["output"]["rows"]>().toEqualTypeOf<string>();
  });

  test("an optional key may be absent, but never undefined", () => {
    expectTypeOf<InputSpec>().toEqualTypeOf<{
      readonly column?: string;
      readonly bytes?: "uint8" | "raw";
      readonly columns?: string | readonly string[];
      readonly scale: number;
      readonly offset: number;
      readonly shape?: readonly number[];
      readonly batchAxis?: number;
      readonly fill?: number | string;
      readonly pad?: number;
      readonly mask?: string;
      readonly causal?: boolean;
      readonly positions?: string;
      readonly lengths?: string;
      readonly value?: Lists | readonly (readonly (readonly ValueElement[])[])[];
    }>();
    expectTypeOf<OutputSpec>().toEqualTypeOf<{
      readonly tensor?: string;
      readonly op?:
        | "raw"
        | "pool"
        | "argmax"
        | "maxSoftmax"
        | "softmax"
        | "sigmoid"
        | "topK"
        | "threshold"
        | "columns"
        | "ctc"
        | "boxes";
      readonly pool?: "mean" | "cls" | "max" | "last";
      readonly positions?: "all";
      readonly threshold?: number;
      readonly activation?: "sigmoid" | "none";
      readonly blank?: number;
      readonly softmax?: boolean;
      readonly head?: "yolov5" | "yolov8" | "yolox" | "nms";
      readonly size?: readonly number[];
      readonly picture?: string;
      readonly minScore?: number;
      readonly maxOverlap?: number;
      readonly acrossClasses?: boolean;
      readonly maxBoxes?: number;
      readonly dims?: number;
      readonly normalize?: boolean;
      readonly as?: "float32" | "float16" | "int8" | "ubinary";
      readonly k?: number;
      readonly labels?:
        | readonly string[]
        | { readonly column: string }
        | { readonly file: string }
        | { readonly metadata: string };
      readonly shape?: readonly (number | string)[];
      readonly lengths?: string;
      readonly batchAxis?: number | "none";
    }>();
    expectTypeOf<ReductionSpec>().toEqualTypeOf<{
      readonly combine?: string;
      readonly final?: string;
      readonly by?: readonly string[];
    }>();
  });
});

describe("a checked spec", () => {
  const spec = checkJobSpec(FILE);

  test("a checked spec is a valid job file, and gives the same spec after conversion to JSON and back", () => {
    expect(JOB_FILE_SCHEMA.safeParse(spec).success).toBe(true);
    expect(checkJobSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  test("an invalid spec is refused with its wrong keys", () => {
    let wheres: readonly string[] = [];
    try {
      checkJobSpec({ ...FILE, reduce: { n: 3 }, errors: { maxRows: -1 } });
    } catch (error) {
      if (isShardmillError(error, "SPEC_INVALID")) wheres = error.problems.map(({ where }) => where);
    }
    expect(wheres).toEqual(["reduce.n", "errors.maxRows"]);
  });
});

test("a mask depends only on another input, and every key that contradicts this is reported", () => {
  const attention_mask = { mask: "input_ids", column: "m", columns: ["m"], shape: [4], fill: 0, pad: 0 };
  const issuesOf = (mask: object) =>
    JOB_FILE_SCHEMA.safeParse({ ...FILE, map: { inputs: { attention_mask: mask } } }).error?.issues.map(
      ({ path, message }) => [path.at(-1), message],
    );
  expect(issuesOf(attention_mask)).toEqual(
    ["column", "columns", "shape", "fill", "pad"].map((key) => [
      key,
      `\`mask\` and \`${key}\` exclude each other`,
    ]),
  );
  expect(issuesOf({ mask: "input_ids", scale: 0 })).toBeUndefined();
});

test("a job that publishes neither rows files nor reductions is refused", () => {
  const job = {
    name: "n",
    input: { path: "/a" },
    model: { path: "/m" },
    output: { path: "/o", rows: "none" },
  };
  const refused = JOB_FILE_SCHEMA.safeParse(job);
  expect(refused.error?.issues.map(({ path, message }) => ({ path, message }))).toEqual([
    { path: ["output", "rows"], message: "the job would publish nothing" },
  ]);
  expect(JOB_FILE_SCHEMA.safeParse({ ...job, reduce: { n: "SELECT count(*) FROM rows" } }).success).toBe(
    true,
  );
});

test("names of tables are identifiers that SQL does not have already, and all problems are reported", () => {
  const job = { input: { path: "/a" }, output: { path: "/o" } };
  const tables = { "a-b": "/t", Rows: "/t", partials: "/t", codes: "/t", CODES: "/t", "9": "/t", fine: "" };
  const refused = JOB_FILE_SCHEMA.safeParse({ ...job, tables });
  expect(refused.error?.issues.map(({ path }) => path.join("."))).toEqual([
    "tables.9",
    "tables.a-b",
    "tables.fine",
  ]);
  const named = { Rows: "/t", partials: "/t", codes: "/t", CODES: "/t", _other: "/t" };
  expect(
    JOB_FILE_SCHEMA.safeParse({ ...job, tables: named }).error?.issues.map(({ path, message }) => [
      path.join("."),
      message,
    ]),
  ).toEqual([
    ["tables.Rows", "is a table of every job"],
    ["tables.partials", "is a table of every job"],
    ["tables.CODES", "is `codes` to SQL"],
  ]);
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`t${at}`, "/t"]));
  expect(JOB_FILE_SCHEMA.safeParse({ ...job, tables: many }).error?.issues).toMatchObject([
    { path: ["tables"], message: "has too many tables" },
  ]);
  expect(JOB_FILE_SCHEMA.safeParse({ ...job, tables: { countries: "s3://b/c.parquet" } }).success).toBe(true);
});
