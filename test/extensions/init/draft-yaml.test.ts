import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bindMap } from "../../../coordinator/plan/bind/bind-map.ts";
import { draftFor } from "../../../extensions/init/draft-job.ts";
import { draftYaml, openQuestions } from "../../../extensions/init/draft-yaml.ts";
import { NO_SAMPLE } from "../../../extensions/init/sample/data-sample.ts";
import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import type { Dim, TensorInfo } from "../../../shared/domain/tensor.ts";
import { parseJobText } from "../../../shared/job-file/read-job-file.ts";
import {
  aField,
  aModel,
  aTensor,
  fields,
  fixedList,
  list,
  numeric,
} from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { LOADED } from "./draft-fixtures.ts";

const PATHS = { job: "job.yaml", folder: "/jobs", model: "./m.onnx", input: "./data", output: "./out" };

function written(signature: ReturnType<typeof aModel>, columns: readonly Field[], paths = PATHS) {
  const draft = draftFor({
    signature,
    folder: null,
    fields: columns,
    sample: NO_SAMPLE,
    ...{ textCauses: [], classes: {} },
    ...LOADED,
    ran: null,
  });
  const yaml = draftYaml({ ...draft, rows: 7, remedy: null, rowFiles: null }, paths);
  return { draft, yaml, spec: parseJobText(yaml, { path: "/jobs/job.yaml", set: [], env: {} }) };
}

/** Returns `${NAME}`. */
const ref = (name: string): string => `\${${name}}`;

/** Names that YAML, variables or SQL could misinterpret. */
const ODD_NAMES = [
  ...[
    "on",
    "off",
    "yes",
    "no",
    "null",
    "~",
    "true",
    "7",
    "0x1f",
    "1e3",
    ".5",
    "2001-01-01",
    "1:30",
    "<<",
    "=",
    "-",
    "?",
    ":",
  ],
  ...[
    "a: b",
    "a #b",
    "# a",
    "'a'",
    '"a"',
    "a\\b",
    "[a]",
    "{a}",
    "a, b",
    "&a",
    "*a",
    "!a",
    "%a",
    "@a",
    "`a`",
    "|",
    ">",
  ],
  ...[
    " a",
    "a ",
    "a\nb",
    "a\tb",
    "größe",
    "名前",
    "🙂",
    "\u200b",
    "\u2028",
    "\ufeffa",
    ref("HOME"),
    `$${ref("a")}`,
    "a*",
    "f?",
    "",
  ],
  ...["__proto__", "constructor", "toString", "x".repeat(300)],
].filter((name) => name !== "");

const oddName = fc.oneof(
  fc.constantFrom(...ODD_NAMES),
  fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }),
  fc.stringMatching(/^[A-Za-z_]{1,8}$/),
);

interface Shape {
  readonly dims: readonly Dim[];
  readonly dtype: TensorInfo["dtype"];
  readonly column: FieldType;
}

/** Shapes of inputs. No two share a column type, so that a job is always possible. */
const SHAPES: readonly Shape[] = [
  { dims: ["batch", 3, 5], dtype: "float32", column: fixedList(15) },
  { dims: ["batch", 7], dtype: "int64", column: fixedList(7, numeric("int32")) },
  { dims: ["batch"], dtype: "float64", column: numeric("float32") },
  { dims: ["batch", 11], dtype: "uint8", column: { kind: "fixedBinary", bytes: 11 } },
  { dims: ["batch", "sequence"], dtype: "int64", column: list(numeric("int64")) },
  { dims: [2, "batch", 6], dtype: "float32", column: fixedList(12) },
];

const aCase = fc
  .record({
    shapes: fc.subarray([...SHAPES], { minLength: 1 }),
    columnNames: fc.uniqueArray(oddName, {
      minLength: 8,
      maxLength: 8,
      selector: (name) => name.toLowerCase(),
    }),
    tensorNames: fc.uniqueArray(oddName, { minLength: 8, maxLength: 8 }),
    withId: fc.boolean(),
  })
  .filter(({ tensorNames }) => !tensorNames.includes("__proto__"));

describe("a drafted job file", () => {
  test("a possible job is drafted as a valid job file for any names of columns and tensors", () => {
    fc.assert(
      fc.property(aCase, ({ shapes, columnNames, tensorNames, withId }) => {
        // The batch of the first shape comes first, so that the others' batch can be recognized.
        const used = shapes.includes(SHAPES[5] as Shape)
          ? [...new Set([SHAPES[0] as Shape, ...shapes])]
          : shapes;
        const inputs = used.map(({ dims, dtype }, at) => aTensor(tensorNames[at] ?? "", dims, dtype));
        const outputs = [
          aTensor(tensorNames[6] ?? "", ["batch", 4]),
          aTensor(tensorNames[7] ?? "", ["batch"]),
        ];
        const columns = [
          ...(withId ? [aField(columnNames[7] ?? "", { kind: "string" })] : []),
          ...used.map(({ column }, at) => aField(columnNames[at] ?? "", column)),
        ];
        const signature = { inputs, outputs, unusable: [] };
        const { draft, spec } = written(signature, columns);
        expect(draft.problems).toEqual([]);
        const binding = bindMap(spec.map, signature, columns);
        expect(binding.inputs.map(({ tensor }) => tensor)).toEqual(inputs.map(({ name }) => name));
        expect(new Set(binding.outputs.map(({ tensor }) => tensor)).size).toBe(2);
        expect(spec.map.outputs.map(({ column }) => column)).toEqual(
          draft.outputs.map(({ column }) => column),
        );
      }),
      { numRuns: 150 },
    );
  });

  test("a job that cannot run is drafted as a job file that shows the problem", () => {
    const { yaml, spec } = written(aModel(), fields({ body: { kind: "string" } }));
    expect(spec.map.inputs).toEqual({ image: { column: "image", scale: 1, offset: 0 } });
    expect(yaml).toMatch(/^# TODO: this job cannot run yet: map\.inputs\.image\.column: no column `image`$/m);
    expect(openQuestions(yaml)).toBe(3);
  });

  test("paths are written literally, also those that look like variables", () => {
    const paths = {
      job: "x.yaml",
      folder: "/jobs",
      model: `./${ref("a")}/m: #1.onnx`,
      input: ["./d[1]/*", "/on"],
      output: "./out-2",
    };
    const { spec } = written(aModel(), fields({ image: fixedList(784) }), paths as never);
    expect([spec.model?.path, spec.input.path, spec.output.path]).toEqual([
      `/jobs/${ref("a")}/m: #1.onnx`,
      ["/jobs/d[1]/*", "/on"],
      "/jobs/out-2",
    ]);
  });

  test("line breaks in names stay in their comment and cannot add keys", () => {
    const name = "x\nerrors:\r\n  maxRows: 9\u2028\u0085evil: 1";
    const { spec } = written(aModel(), [aField("image", fixedList(784)), aField(name, numeric("int8"))]);
    expect(spec.errors).toEqual({ maxRows: 0 });
  });

  test("the file lists columns, tensors and open questions", () => {
    const { yaml } = written(
      aModel(),
      fields({ id: numeric("int64"), a: fixedList(784), b: fixedList(784) }),
    );
    expect(yaml.split("\n")).toEqual(
      expect.arrayContaining([
        "# 7 rows of these columns:",
        "#   a: fixed list of 784 float32",
        "# in   image: float32 [batch, 784]",
        "# out  logits: float32 [batch, 10]",
        "    # TODO: which column is it? these fit: a, b",
        "    image: { column: a }",
        "  keep: [ id ]",
        "  # Other columns: b",
      ]),
    );
  });
});
