import { describe, expect, test } from "vitest";
import { specDigest } from "../../../../shared/job-file/spec-digest.ts";
import { needs } from "../../../support/needs.ts";
import { type JobTextParts, parseJob } from "./job-text.ts";

const MAP = "inputs: { image: { column: pixels } }\noutputs: { a: x, b: y }\nkeep: [id, label]";
const REST = "reduce: { n: SELECT 1, m: SELECT 2 }";
const digestOf = (parts: JobTextParts): string => specDigest(parseJob({ map: MAP, rest: REST, ...parts }));
const base = digestOf({});

describe("the digest of a spec", () => {
  test.each([
    "name=other",
    "input.path=elsewhere.parquet",
    "input.shardRows=7",
    "model.path=elsewhere.onnx",
    "model.device=cuda",
    "model.check.minCosine=0.5",
    "map.batch.rows=7",
    "output.path=elsewhere",
    "output.compression=zstd",
    "errors.maxRows=7",
    "map.inputs.image=pixels",
    "map.inputs.image.scale=1",
    "reduce={m: SELECT 2, n: {final: SELECT 1}}",
  ])("the digest is the same with %s, which does not change the result", (setting) => {
    expect(digestOf({ set: [setting] })).toBe(base);
  });

  test("the digest has the names of tables and which are equal, not their paths", () => {
    const tables = (a: string, b: string, second = "b") =>
      digestOf({ set: [`tables={a: ${a}, ${second}: ${b}}`] });
    expect(tables("x.parquet", "y.parquet")).toBe(tables("s3://bucket/z.parquet", "w.parquet"));
    expect(tables("x.parquet", "x.parquet")).not.toBe(tables("x.parquet", "y.parquet"));
    expect(tables("x.parquet", "y.parquet", "c")).not.toBe(tables("x.parquet", "y.parquet"));
  });

  test("the digest ignores what an Arrow file always has, and changes with other values", () => {
    const arrow = (...set: string[]) => digestOf({ set: ["output.rows=arrow", ...set] });
    expect(arrow("output.compression=none")).toBe(arrow());
    expect(arrow("output.rowGroupRows=65536")).toBe(arrow());
    expect(arrow("output.rowGroupRows=65535")).not.toBe(arrow());
    // A value other than the default counts.
    expect(digestOf({ set: ["output.compression=none"] })).not.toBe(base);
    expect(digestOf({ set: ["output.rowGroupRows=65536"] })).not.toBe(base);
  });

  test.each([
    "map.inputs.image.scale=2",
    "input.limit=7",
    "input.sample=0.5",
    "input.sample={share: 0.5, seed: 1}",
    "map.inputs.image.fill=0",
    "map.outputs.a.op=sigmoid",
    "map.outputs={b: y, a: x}",
    "map.keep=[label, id]",
    "reduce.n=SELECT 3",
    "reduce.o=SELECT 3",
    "output.rows=arrow",
    "output.compression=gzip",
    "output.rowGroupRows=7",
    "output.sort=[id]",
    "output.sort=[-id]",
    "output.sort={by: [id], across: all}",
    "map.prepare=[{sql: SELECT * FROM rows}]",
    "map.finish=[{sql: SELECT * FROM rows}]",
    "tables={a: a.parquet}",
  ])("the digest changes with %s", (setting) => {
    expect(digestOf({ set: [setting] })).not.toBe(base);
  });

  const facts = (labels: readonly string[] | null) => ({
    architecture: null,
    labels,
    multiLabel: false,
    tokenizer: null,
    features: {},
    pooling: null,
  });

  test("labels of the model's folder count like labels in the job, if the job has none", () => {
    const spec = (setting: string) => parseJob({ map: MAP, rest: REST, set: [setting] });
    const left = spec("map.outputs.a={tensor: x, op: argmax}");
    const written = spec("map.outputs.a={tensor: x, op: argmax, labels: [no, yes]}");
    expect(specDigest(left, [facts(["no", "yes"])])).toBe(specDigest(written, [facts(["other", "names"])]));
    expect(specDigest(left, [facts(["no", "yes"])])).not.toBe(specDigest(left, [facts(["yes", "no"])]));
    expect(specDigest(left, [facts(null)])).toBe(specDigest(left));
    expect(specDigest(spec("name=other"), [facts(["no", "yes"])]), "no output has classes").toBe(base);
  });

  needs("image")(
    "image settings of the model's folder count if the job has images, but the images' folder does not",
    () => {
      const spec = (...set: string[]) => parseJob({ map: MAP, rest: REST, set });
      const images = "map.inputs.image={column: p, image: {}}";
      const image = {
        ...{ resize: null, resample: null, crop: null, rescale: null, mean: [0.5], std: null },
        channels: "rgb",
      } as const;
      const said = { ...facts(null), features: { image } };
      expect(specDigest(spec(images), [said])).not.toBe(specDigest(spec(images)));
      expect(specDigest(spec(images), [said])).not.toBe(
        specDigest(spec(images), [{ ...said, features: { image: { ...image, mean: [0.4] } } }]),
      );
      expect(specDigest(spec(), [said]), "no input has images").toBe(base);
      expect(specDigest(spec(images, "map.inputs.image.image.folder=photos"))).toBe(specDigest(spec(images)));
    },
  );
});

needs("code")("the digest ignores the paths of modules, but not which steps share a module", () => {
  const digest = (...paths: string[]) =>
    digestOf({ set: [`map.prepare=[${paths.map((path) => `{module: ${path}}`).join(", ")}]`] });
  expect(digest("./a.ts")).toBe(digest("./elsewhere/a.ts"));
  expect(digest("./a.ts", "./b.ts", "./a.ts")).toBe(digest("./c.ts", "./d.ts", "./c.ts"));
  expect(digest("./a.ts", "./b.ts", "./a.ts")).not.toBe(digest("./a.ts", "./a.ts", "./b.ts"));
});
