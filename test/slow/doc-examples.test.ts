import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Int32, List, Field as ListField, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { SPAN_STRATEGIES } from "../../extensions/text/op.ts";
import { type SplitSpec, spansSpec, TOKENIZER_KEYS } from "../../extensions/text/spec.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { ZOD } from "../../shared/core/zod.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { onnxModel, type ValueSpec } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { stagesJob } from "../support/stages-job.ts";
import { TOKENIZERS_PATH } from "../support/tokenizers/path.ts";

/** The job file's page shows jobs over texts, which run here unchanged. */

const page = await readFile(join(packageRoot, "docs", "job-file.md"), "utf8");

interface StepExample {
  readonly sql?: string;
  readonly split?: object;
  readonly spans?: object;
}

interface Example {
  readonly map: {
    readonly prepare?: readonly StepExample[];
    readonly inputs: Readonly<Record<string, object>>;
    readonly outputs?: Readonly<Record<string, { readonly tensor: string; readonly op?: string }>>;
    readonly finish?: readonly StepExample[];
  };
  readonly reduce?: object;
}

function examplesOf(title: string): readonly Example[] {
  const section = page.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = ""]) => parse(yaml) as Example);
}

// Examples without inputs, or of images, are of other models, which have tests of their own.
const EXAMPLES = [...examplesOf("Text"), ...examplesOf("Outputs")].filter(({ map }) => {
  const inputs = map.inputs as Example["map"]["inputs"] | undefined;
  return inputs !== undefined && !("images" in inputs);
});
const BODIES = ["Anna of Acme met Bob in Oslo. They spoke for hours.", "short", "one two three ".repeat(40)];

/** Number of ids, as in the tokenizer. */
const VOCABULARY = 900;
/** Wide enough for `dims` in the examples. */
const HIDDEN = 384;
const TOPICS = 3;

/** Returns the outputs that an example needs: for each token, or for each row. */
function outputsOf({ map }: Example): readonly (ValueSpec & { readonly width: number })[] {
  const labelled = map.finish?.some(({ spans }) => spans !== undefined) ?? false;
  const widths: Readonly<Record<string, number>> = {
    last_hidden_state: HIDDEN,
    sentence_embedding: HIDDEN,
    topic_logits: TOPICS,
    logits: labelled ? TOPICS : "columns" in (map.inputs.input_ids ?? {}) ? 1 : 2,
  };
  const tensors = new Set(Object.values(map.outputs ?? {}).map(({ tensor }) => tensor));
  return [...(tensors.size === 0 ? ["sentence_embedding"] : tensors)].map((name) => {
    const width = widths[name] ?? 0;
    const ofTokens = name === "last_hidden_state" || (name === "logits" && labelled);
    const dims = ofTokens ? ["batch", "sequence", width] : ["batch", width];
    return { name, dtype: "float32", dims, width };
  });
}

/** Inputs of other shapes than the tokens. The model takes them without using them. */
const OTHER_INPUTS: Readonly<Record<string, Pick<ValueSpec, "dtype" | "dims">>> = {
  input_lengths: { dtype: "int64", dims: ["batch"] },
  causal_mask: { dtype: "float32", dims: ["batch", 1, "sequence", "sequence"] },
  "past_key_values.0.key": { dtype: "float32", dims: ["batch", 12, "past", 64] },
};

/** Builds a model that looks up its tokens, and averages them where an output is per row. */
function modelOf(example: Example): Uint8Array {
  const outputs = outputsOf(example);
  const inputs = Object.keys(example.map.inputs);
  const [ids = "", ...others] = inputs.filter((name) => OTHER_INPUTS[name] === undefined);
  return onnxModel({
    inputs: inputs.map((name) => ({
      ...(OTHER_INPUTS[name] ?? { dtype: "int64", dims: ["batch", "sequence"] }),
      name,
    })),
    outputs,
    constants: outputs.map(({ name, width }) => ({
      name: `${name}.table`,
      dtype: "float32",
      dims: [VOCABULARY, width],
      data: Float32Array.from({ length: VOCABULARY * width }, (_, at) => Math.sin(at * at)),
    })),
    nodes: [
      // Masks and types are inputs without an effect.
      ...others.flatMap((name, at) => [
        { op: "Sub", inputs: [name, name], outputs: [`${name}.none`] },
        { op: "Add", inputs: [at === 0 ? ids : `ids${at}`, `${name}.none`], outputs: [`ids${at + 1}`] },
      ]),
      ...outputs.flatMap(({ name, dims }) => {
        const lookedUp = dims.length === 3 ? name : `${name}.tokens`;
        const mean = {
          op: "ReduceMean",
          inputs: [lookedUp],
          outputs: [name],
          attributes: { axes: [1], keepdims: 0 },
        };
        const gather = {
          op: "Gather",
          inputs: [`${name}.table`, `ids${others.length}`],
          outputs: [lookedUp],
        };
        return dims.length === 3 ? [gather] : [gather, mean];
      }),
    ],
  });
}

async function jobOf(example: Example): Promise<JobFolder> {
  const job = await JobFolder.make({ files: 0 });
  await job.write("model.onnx", modelOf(example));
  for (const folder of [".", "reranker"]) {
    await mkdir(job.at(folder), { recursive: true });
    await copyFile(join(TOKENIZERS_PATH, "wordpiece.json"), job.at(`${folder}/tokenizer.json`));
  }
  const bodies = only(vectorFromArray(BODIES, new Utf8()));
  const list = new List(new ListField("item", new Int32(), true));
  const table = tableOf({
    id: only(vectorFromArray([0, 1, 2], new Int32())),
    body: bodies,
    query: bodies,
    passage: bodies,
    input_ids: only(vectorFromArray([[1, 2, 3], [4], [5, 6]], list)),
  });
  await job.writeData("data/texts.parquet", table);
  const { map, reduce = {} } = example;
  const outputs = { outputs: { vector: { tensor: "sentence_embedding" } } };
  await job.writeJob({ input: { path: "./data" }, map: { ...outputs, ...map }, reduce });
  return job;
}

const SPLIT_KEYS = ["column", "tokenizer", "tokens", "overlap", "sentences"] satisfies (keyof SplitSpec)[];

describe("the examples of the job file's page", () => {
  test.each([...EXAMPLES.entries()])("run unchanged: example %i", async (_, example) => {
    await using job = await jobOf(example);
    const { code, stderr } = await runCli(["run", job.job, "--workers", "1"]);
    expect(code, stderr).toBe(0);
    const [[rows] = []] = await query(`SELECT count(*) FROM '${job.out}/rows/*.parquet'`);
    expect(Number(rows)).toBeGreaterThanOrEqual(BODIES.length);
  });

  test("show every key of texts, passages, spans and vectors", () => {
    const shown = (groups: readonly (object | undefined)[]) =>
      new Set(groups.flatMap((group) => Object.keys(group ?? {})));
    const of = (step: "split" | "spans") =>
      shown(
        EXAMPLES.flatMap(({ map }) =>
          [...(map.prepare ?? []), ...(map.finish ?? [])].map((each) => each[step]),
        ),
      );
    const inputs = shown(EXAMPLES.flatMap(({ map }) => Object.values(map.inputs)));
    const outputs = shown(EXAMPLES.flatMap(({ map }) => Object.values(map.outputs ?? {})));
    const missing = (keys: readonly string[], found: ReadonlySet<string>) =>
      keys.filter((key) => !found.has(key));
    expect(
      missing(["tokenizer", "types", ...TOKENIZER_KEYS, "column", "columns", "mask", "pad"], inputs),
    ).toEqual([]);
    expect(missing(["causal", "positions", "lengths", "value", "shape"], inputs)).toEqual([]);
    expect(missing(SPLIT_KEYS, of("split"))).toEqual([]);
    expect(missing(Object.keys(spansSpec(ZOD).shape), of("spans"))).toEqual([]);
    const vectors = ["pool", "dims", "normalize", "as", "threshold", "activation", "labels"];
    expect(missing(vectors, outputs)).toEqual([]);
  });

  test("make spans with each strategy", async () => {
    const example = EXAMPLES.find(({ map }) => map.finish !== undefined);
    const [step] = example?.map.finish ?? [];
    if (example === undefined) throw new Error("no example makes spans");
    // A step consumes its logits and offsets, so each has its own.
    const places = SPAN_STRATEGIES.map((strategy) => `places AS places_${strategy}`).join(", ");
    const finish = [
      { sql: `SELECT *, ${places} FROM rows` },
      ...SPAN_STRATEGIES.map((strategy) => {
        const own = { logits: `logits_${strategy}`, offsets: `places_${strategy}`, column: strategy };
        return { spans: { ...step?.spans, ...own, strategy } };
      }),
    ];
    const outputs = SPAN_STRATEGIES.map((strategy) => [`logits_${strategy}`, { tensor: "logits" }]);
    const map = { ...example.map, outputs: Object.fromEntries(outputs), finish };
    await using job = await jobOf({ ...example, map });
    const { code, stderr } = await runCli(["run", job.job, "--workers", "1"]);
    expect(code, stderr).toBe(0);
    for (const strategy of SPAN_STRATEGIES) {
      const spans = await query(
        `SELECT body, s.label, s.text, s.start, s."end" FROM (SELECT body, unnest("${strategy}") AS s FROM '${job.out}/rows/*.parquet')`,
      );
      expect(spans.length, strategy).toBeGreaterThan(0);
      for (const [body, label, text, start, end] of spans) {
        expect(["PER", "ORG"]).toContain(label);
        expect(text).toBe(String(body).slice(Number(start), Number(end)));
      }
    }
  });
});

test("the example with stages gives the classes that Python gives", async () => {
  const [example] = examplesOf("Stages");
  const { job, rows } = await stagesJob();
  await using _job = job;
  await copyFile(job.at("in.parquet"), job.at("notes.parquet"));
  await job.write("job.yaml", stringify({ ...example, errors: { maxRows: 100 } }));
  const ran = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(ran.code, ran.stderr).toBe(3);
  const found = await query(`SELECT id, topic FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id`);
  const expected = rows.flatMap(({ id, logits }) => {
    return logits === null ? [] : [[id, logits.indexOf(Math.max(...logits))]];
  });
  expect(found.map((row) => row.map(Number))).toEqual(expected);
});
