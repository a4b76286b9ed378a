import { describe, expect, test } from "vitest";
import { EXTENSIONS } from "#extensions";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { parseJobText } from "../../../../shared/job-file/read-job-file.ts";
import { decodeJobSpec, encodeJson } from "../../../../shared/wire/codec-job.ts";
import { needs } from "../../../support/needs.ts";
import { parse, parseJob, problemsOf, problemsOfJob } from "./job-text.ts";

const ref = (inner: string): string => `$\{${inner}}`;

describe("a path in a job file", () => {
  test.each(["S3://b/k", "GS://b/k", "hdfs://h:9000/x", "wasbs://c.a.net/x", "ftp://h/x", "file:///x"])(
    "the unsupported address %s is refused in every place",
    (address) => {
      const job = (input: string) =>
        `input: { path: ${input} }\nmodel: { path: "${address}" }\noutput: { path: "${address}" }`;
      for (const input of [`"${address}"`, `[a, "${address}"]`]) {
        const problems = problemsOf(job(input));
        expect(problems.map(({ what }) => what)).toEqual(Array(3).fill("addresses are not supported here"));
        expect(problems[0]?.found).toBe(JSON.stringify(address.slice(0, address.indexOf("/") + 2)));
        expect(problems[0]?.hint).toContain(address.startsWith("file") ? "without `file://`" : "mount");
      }
      const set = [`output.path=${address}`];
      const [overridden] = problemsOfJob({ set });
      expect(overridden?.where).toBe(`--set ${set}`);
      const [fromOutside] = problemsOf(
        `${job("a").split("\n")[0]}\nmodel: { path: m }\noutput: { path: "${ref("X")}" }`,
        {
          env: { X: address },
        },
      );
      expect(fromOutside?.what).toBe("addresses are not supported here");
    },
  );

  needs(
    "s3",
    "gcs",
    "azure",
  )("an input path may be a valid bucket or web address, and an output path a bucket address", () => {
    const input = (path: string) => parseJob({ set: [`input.path=${path}`] }).input.path;
    expect(input("s3://bucket")).toEqual(["s3://bucket"]);
    expect(input("https://h/a/?b=1")).toEqual(["https://h/a/?b=1"]);
    expect(input("s3://bucket/a b/**/*.parquet")).toEqual(["s3://bucket/a b/**/*.parquet"]);
    expect(input("s3://bucket/a/../b//")).toEqual(["s3://bucket/a/../b"]);
    expect(input("gs://bucket/a b/")).toEqual(["gs://bucket/a b"]);
    for (const path of ["az://box/a", "abfss://box@mine.dfs.core.windows.net/a"])
      expect(input(path)).toEqual([path]);
    const set = ["output.path=s3://b/o", "work.path=s3://bucket/k"];
    expect(problemsOfJob({ set })[0]?.what).toBe("addresses are not supported here");
    const wrong = (path: string) => problemsOfJob({ set: [`input.path=${path}`] })[0]?.what;
    expect(wrong("abfss://box@mine.example/a")).toBe("no bucket can have this name");
    expect(wrong("gs://buck*/key")).toBe("no bucket can have this name");
    expect(wrong("s3:///key")).toBe("an address without a bucket");
    expect(wrong("s3://buck*/key")).toBe("no bucket can have this name");
    expect(wrong('"s3://bucket/a\\0b"')).toBe("a key cannot contain a NUL character");
    const spec = parseJob({ set: ["input.path=s3://bucket/k", "output.path=s3://bucket/o", "work.path=w"] });
    expect(spec.work).toEqual({ path: "/jobs/digits/w" });
    expect(decodeJobSpec(encodeJson(spec))).toEqual(spec);
  });

  needs(
    "s3",
    "gcs",
    "azure",
    "image",
    "text",
    "code",
  )("the path of a model, tokenizer, module or folder may be an address, and is not a pattern", () => {
    const set = [
      "model.path=s3://bucket/a*b/",
      "map.inputs.pixels={tokenizer: 'https://h/t.json?sig=1'}",
      "map.prepare=[{module: 'gs://bucket/s.ts'}]",
      "reduce={r: {module: 'az://box/r.ts'}}",
    ];
    const spec = parseJob({ set });
    expect(spec.model?.path).toBe("s3://bucket/a*b");
    expect(spec.map.inputs.pixels).toMatchObject({ tokenizer: "https://h/t.json?sig=1" });
    expect(spec.map.prepare).toMatchObject([{ module: "gs://bucket/s.ts" }]);
    expect(spec.reduce).toMatchObject({ r: { module: "az://box/r.ts" } });
    expect(decodeJobSpec(encodeJson(spec))).toEqual(spec);
    const wrong = (path: string) => problemsOfJob({ set: [`model.path=${path}`] })[0]?.what;
    expect(wrong("s3://buck*/key")).toBe("no bucket can have this name");
    expect(wrong("ftp://host/key")).toBe("addresses are not supported here");
    const folder = (path: string) => ({ set: [`map.inputs.pixels={image: {folder: '${path}'}}`] });
    expect(parseJob(folder("https://h/photos")).map.inputs.pixels).toMatchObject({
      image: { folder: "https://h/photos" },
    });
    expect(problemsOfJob(folder("https://h/photos?sig=1"))[0]?.what).toContain("a password or a query");
  });

  needs(
    "s3",
    "gcs",
    "azure",
  )("an output address must name a folder of a bucket that every store can keep", () => {
    const output = (path: string) => parseJob({ set: [`output.path=${path}`] }).output.path;
    expect(output("s3://bucket/a*b/")).toBe("s3://bucket/a*b");
    const wrong = (path: string) => problemsOfJob({ set: [`output.path=${path}`] })[0]?.what;
    for (const path of ["s3://bucket", "s3://bucket/a//b", "s3://bucket/a/../b", "s3://bucket/."])
      expect(wrong(path)).toBe("not every store keeps such a name");
    expect(wrong("s3://buck*/key")).toBe("no bucket can have this name");
    for (const path of ["gs://bucket/a", "az://box/a", "abfss://box@mine.dfs.core.windows.net/a"])
      expect(output(path)).toBe(path);
    expect(wrong("az://box/a/../b")).toBe("not every store keeps such a name");
    expect(wrong("https://host/a")).toBe("addresses are not supported here");
  });

  test("a path of work files is refused unless the output is in a bucket", () => {
    const [problem] = problemsOfJob({ set: ["work.path=w"] });
    expect(problem).toMatchObject({ where: "--set work.path=w", what: "is for output in a bucket" });
  });

  test.skipIf(EXTENSIONS.some((extension) => "journal" in extension)).each(["bucket", "{journal: bucket}"])(
    "a journal in the output's bucket is refused without an extension that keeps it there (work: %s)",
    (work) => {
      const set = ["output.path=s3://b/k", `work=${work}`];
      const [problem] = problemsOfJob({ set });
      expect(problem).toMatchObject({
        where: `--set work=${work}`,
        what: "asks for the journal in the bucket, and no extension here keeps it there",
      });
    },
  );

  test("a path must not contain NUL, and may resemble an address", () => {
    expect(problemsOfJob({ set: ['output.path="a\\0b"'] })[0]?.what).toBe(
      "a path cannot contain a NUL character",
    );
    expect(parseJob({ set: ["output.path=s3:/b"] }).output.path).toBe("/jobs/digits/s3:/b");
    expect(parseJob({ set: ["output.path=a/x://b"] }).output.path).toBe("/jobs/digits/a/x:/b");
  });

  test("an input path is a pattern in which the job's folder and variables are literal", () => {
    const path = "/jobs/run[1] (a)/job.yaml";
    const at = (input: string, env: NodeJS.ProcessEnv = {}) => {
      const text = JSON.stringify({
        input: { path: input },
        model: { path: "m" },
        output: { path: ref("X") },
      });
      return parseJobText(text, { path, set: [], env: { X: "o[ut]", ...env } });
    };
    const spec = at(`./*/${ref("X")}/{a,b}.parquet`, { X: "{*}" });
    expect(spec.input.path).toEqual(["/jobs/run\\[1\\] \\(a\\)/*/\\{\\*\\}/{a,b}.parquet"]);
    expect(spec.model?.path).toBe("/jobs/run[1] (a)/m");
    expect(at("x").output.path).toBe("/jobs/run[1] (a)/o[ut]");
    expect(at("../b").input.path).toEqual(["/jobs/b"]);
  });
});

describe("a whole number in a job file", () => {
  const ODD = "9007199254740993";

  test.each([ODD, `-${ODD}`, "0xffffffffffffffff", "1".repeat(400)])(
    "the number %s is refused, because it would be read as another number",
    (digits) => {
      for (const key of ["fill", "scale", "offset", "pad"]) {
        const problems = problemsOfJob({ map: `inputs: { a: { column: x, ${key}: ${digits} } }` });
        expect(problems.map(({ where, what }) => [where.split(" ").at(-1), what])).toEqual([
          [`map.inputs.a.${key}`, "a whole number beyond 2^53 would be read as another number"],
        ]);
      }
      const set = problemsOfJob({ set: [`input.shardRows=${digits}`] });
      expect(set[0]?.what).toContain("beyond 2^53");
      const outside = problemsOfJob({
        map: `inputs: { a: { column: x, fill: "" } }\nbatch: { rows: 1 }`,
        rest: `errors:\n  maxRows: ${ref("N")}`,
        env: { N: digits },
      });
      expect(outside.some(({ what }) => what.includes("beyond 2^53"))).toBe(true);
    },
  );

  test("numbers up to 2^53 or with an exponent are read, and digits in quotes are text", () => {
    const fillOf = (fill: string) =>
      parseJob({ map: `inputs: { a: { column: x, fill: ${fill} } }` }).map.inputs.a?.fill;
    expect(fillOf("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
    expect(fillOf("1e17")).toBe(1e17);
    expect(fillOf("9.5e300")).toBe(9.5e300);
    expect(problemsOfJob({ rest: `name: ${ODD}` })[0]?.what).toBe("wrong type");
    expect(parseJob({ rest: `name: "${ODD}"` }).name).toBe(ODD);
  });
});

describe("the outputs of a job file", () => {
  const columnsOf = ({ map }: JobSpec) => map.outputs.map(({ column }) => column);
  const NAMES = ["zebra", "10", "2", "a", "1e3", "01", "-1"];
  const quoted = NAMES.map((name) => JSON.stringify(name));
  const group = `outputs:\n${quoted.map((name) => `  ${name}: logits`).join("\n")}`;

  test("outputs keep their order in the file and on the wire, whatever their names", () => {
    const spec = parseJob({ map: group });
    expect(columnsOf(spec)).toEqual(NAMES);
    expect(spec.map.outputs[1]).toEqual({ column: "10", tensor: "logits" });
    expect(checkJobSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
    expect(decodeJobSpec(encodeJson(spec))).toEqual(spec);
  });

  test("outputs may be a list, with the same checks", () => {
    const list = quoted.map((name) => `  - { column: ${name}, tensor: logits }`).join("\n");
    expect(parseJob({ map: `outputs:\n${list}` })).toEqual(parseJob({ map: group }));
    const wrong = problemsOfJob({
      map: "outputs:\n  - { column: a, op: topK }\n  - { tensor: y }\n  - { column: c, kk: 3 }",
    });
    expect(wrong.map(({ where, what }) => [where.split(" ").at(-1), what])).toEqual([
      ["map.outputs[0].k", "required with `op: topK`"],
      ["map.outputs[1].column", "required, but missing"],
      ["map.outputs[2].kk", "unknown key `kk`"],
    ]);
    const [twice] = problemsOfJob({ map: "outputs:\n  - { column: a }\n  - { column: A }" });
    expect(twice?.what).toBe("two output columns are named `A`");
  });

  test("outputs keep their order after --set and merge keys", () => {
    const set = ["map.outputs.2.op=softmax", "map.outputs.0=logits"];
    expect(columnsOf(parseJob({ map: group, set }))).toEqual([...NAMES, "0"]);
    const merged = 'outputs:\n  b: logits\n  <<: { z: logits, "5": logits }\n  "3": logits';
    expect(columnsOf(parseJob({ map: merged }))).toEqual(["b", "z", "5", "3"]);
  });
});

needs("image")("an unknown key gets a known key that contains its name as a hint", () => {
  const [problem] = problemsOfJob({ map: "inputs: { x: { image: { scale: 0.5 } } }" });
  expect(problem).toMatchObject({ what: "unknown key `scale`", hint: "did you mean `rescale`?" });
});

const REST = "input: { path: a }\nmodel: { path: m }\nmap: {}\noutput: { path: o }";

test.each(["-rf", "_a", ".a", "a b", ""])(
  "%j is refused as a job name, because a command line would misread it",
  (name) => {
    const [first] = problemsOf(`name: ${JSON.stringify(name)}\n${REST}`);
    expect(first?.where).toMatch(/ name$/);
  },
);

test("a job file with 60,000 unknown keys is refused with the first hundred of its problems", () => {
  const keys = Array.from({ length: 60_000 }, (_, at) => `k${at}: 1`).join("\n");
  const problems = problemsOf(`${REST}\n${keys}`);
  expect(problems).toHaveLength(101);
  expect(problems.filter(({ what }) => what.startsWith("unknown key")).length).toBeGreaterThan(95);
});

describe("a job without a model", () => {
  const REFUSED = "needs a model, and the job has none";
  const text = (map: string) => `input: { path: data.parquet }\noutput: { path: out }\nmap: ${map}`;

  test("has steps and kept columns", () => {
    const spec = parse(text("{ prepare: [{ sql: SELECT a FROM rows }], keep: [a] }"));
    expect(spec).not.toHaveProperty("model");
    expect(spec.map).toMatchObject({ inputs: {}, outputs: [], keep: ["a"] });
    expect(checkJobSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  test.each([
    ["map.inputs", "{ inputs: { x: a } }"],
    ["map.outputs", "{ outputs: { y: logits } }"],
    ["map.state", "{ state: { h: hn } }"],
    ["map.batch", "{ batch: { rows: 8 } }"],
  ])("refuses %s, which needs a model", (where, map) => {
    const [problem, ...others] = problemsOf(text(map));
    expect(problem).toMatchObject({ where: expect.stringContaining(where), what: REFUSED });
    expect(others).toEqual([]);
  });
});
