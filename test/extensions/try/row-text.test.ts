import { describe, expect, test } from "vitest";
import { rowText } from "../../../extensions/try/row-text.ts";
import type { RowTrace, Shown, ShownValue, StepTrace } from "../../../extensions/try/row-trace.ts";
import type { FieldType } from "../../../shared/domain/dataset.ts";
import { plainStyle } from "../../../shared/terminal/style.ts";
import { widthOf } from "../../../shared/terminal/text.ts";
import { needs } from "../../support/needs.ts";

const INT: FieldType = { kind: "numeric", type: "int32" };
const TEXT: FieldType = { kind: "string" };

function shown(rows: number, columns: Record<string, readonly ShownValue[]>, type = TEXT): Shown {
  return { rows, columns: Object.entries(columns).map(([name, values]) => ({ name, type, values })) };
}

function aStep(step: Partial<StepTrace>): StepTrace {
  const none = { made: shown(1, {}), failed: [], tokens: [], pictures: null };
  return { where: "map.prepare[0]", kind: "sql", rowsIn: 1, ...none, ...step };
}

function aRow(row: Partial<RowTrace>): RowTrace {
  return {
    row: 1_234,
    file: "/data/deep/folder/part-3.parquet",
    fileRow: 34,
    read: shown(1, { id: [7] }, INT),
    prepare: [],
    runs: [
      {
        inputs: [
          {
            ...{ name: "image", dtype: "float32", dims: [1, 4], range: { min: 0, max: 1 / 3, mean: 0.1 } },
            ...{ notFinite: 1, first: [0, 1 / 3, Number.NaN, 0.5] },
            dtype: "float32",
          },
        ],
        outputs: [],
      },
    ],
    finish: [],
    fate: { kind: "published", rows: shown(1, { id: [7] }, INT) },
    ...row,
  };
}

const text = (row: Partial<RowTrace>, columns = 80) =>
  rowText(aRow(row), { columns, style: plainStyle, pictures: () => [] });

describe("the text of a traced row", () => {
  test("the text is a table of the row's values at each stage", () => {
    expect(text({})).toBe(
      [
        "── row 1,234 ── /data/deep/folder/part-3.parquet, row 34 ────────── published ──",
        "columns read",
        "  id     int32           7",
        "model input",
        "  image  float32 [1, 4]  0 to 0.3333, mean 0.1, 1 not finite",
        "                         0 0.3333 NaN 0.5",
        "columns out",
        "  id     int32           7",
      ].join("\n"),
    );
  });

  test("columns have full precision, and a tensor of one value shows it once", () => {
    const read: Shown = {
      rows: 1,
      columns: [
        { name: "income", type: { kind: "numeric", type: "float64" }, values: [36997.08] },
        { name: "short", type: { kind: "numeric", type: "float32" }, values: [Math.fround(0.1)] },
        {
          name: "list",
          type: { kind: "list", item: { kind: "numeric", type: "float32" } },
          values: [[Math.fround(35431.17)]],
        },
      ],
    };
    const one = { dims: [1, 1], range: { min: 79, max: 79, mean: 79 }, notFinite: 0, first: [79.123456] };
    const runs = [{ inputs: [{ name: "x", dtype: "float32" as const, ...one }], outputs: [] }];
    const lines = text({ read, runs }, 120).split("\n");
    const cellText = (name: string) =>
      lines.find((line) => line.startsWith(`  ${name} `))?.replace(/^\s+\S+\s+.*?\s{2,}/, "");
    expect(["income", "short", "list", "x"].map(cellText)).toEqual([
      "36997.08",
      "0.1",
      "[35431.17]",
      "79.12",
    ]);
    expect(lines.filter((line) => line.includes("79"))).toHaveLength(1);
  });

  test.each([40, 80, 160])("the text is at most as wide as a terminal of %i columns", (columns) => {
    const long = "a passage of some words, with 日本語 in it, ".repeat(30);
    const tokens = Array.from({ length: 300 }, (_, id) => ({ id, text: `##token${id}` }));
    const row = text(
      {
        file: `/data/${"very-long-name/".repeat(20)}a.parquet`,
        read: shown(1, { ["name".repeat(30)]: [long] }, { kind: "list", item: TEXT }),
        prepare: [
          aStep({ made: shown(2, { part: [long, "b"] }) }),
          aStep({ kind: "tokenize", tokens: [{ count: 300, isTruncated: true, tokens }] }),
        ],
        fate: { kind: "deadLetter", stage: "tensorize", code: "ROW_LENGTH", message: long },
      },
      columns,
    );
    for (const line of row.split("\n")) expect(widthOf(line), line).toBeLessThanOrEqual(columns);
    expect(widthOf(row.split("\n")[0] ?? "")).toBe(columns);
  });

  test("the rows that a step made are shown, with the failure of one of them", () => {
    const step = aStep({
      kind: "module",
      made: shown(2, { word: ["one", ""] }),
      failed: [{ row: 1, code: "ROW_FAILED", message: "no word for 0 (words.ts:24:9)" }],
    });
    const message = "no word for 0 (words.ts:24:9)";
    const row = text({
      prepare: [step],
      runs: [],
      fate: { kind: "deadLetter", stage: "prepare", code: "ROW_FAILED", message },
    });
    expect(row.split("\n").slice(3)).toEqual([
      "map.prepare[0]  module, 1 row in, 2 out",
      "  row 1 of 2",
      '  word  string  "one"',
      "  row 2 of 2: ROW_FAILED: no word for 0 (words.ts:24:9)",
      "dead letter, at prepare",
    ]);
  });

  test("the step that dropped the row is named", () => {
    const step = aStep({ where: "input.where", made: shown(0, {}) });
    const row = text({ prepare: [step], runs: [], fate: { kind: "filtered", by: "input.where" } });
    expect(row).toContain("── dropped ──".slice(3));
    expect(row.split("\n").slice(3)).toEqual([
      "input.where  sql, 1 row in, none out",
      "dropped by input.where",
    ]);
  });

  needs("image", "text")(
    "tokens are shown with their ids and visible blanks, and images with their sizes",
    () => {
      const tokens = [
        { id: 101, text: "[CLS]" },
        { id: 262, text: " the" },
        { id: 198, text: "\n" },
      ];
      const picture = { channels: 3, preview: null } as const;
      const row = text({
        prepare: [
          aStep({
            where: "map.inputs.ids.tokenizer",
            kind: "tokenize",
            tokens: [{ count: 5, isTruncated: false, tokens }],
          }),
          aStep({
            where: "map.inputs.pixels.image",
            kind: "image",
            pictures: [
              {
                before: { width: 500, height: 375, ...picture },
                after: { width: 224, height: 224, ...picture },
              },
            ],
          }),
        ],
      });
      expect(row.split("\n").slice(3, 9)).toEqual([
        "map.inputs.ids.tokenizer",
        "  5 tokens",
        "    [CLS] 101  ·the 262  ⏎ 198",
        "    ... 2 more tokens",
        "map.inputs.pixels.image",
        "  500 x 375 in, 224 x 224 to the model",
      ]);
    },
  );

  test("control characters in data are not written to the terminal", () => {
    const evil = "\u001b[2J\u202e\u0007";
    const row = text({
      read: shown(1, { [`a${evil}`]: [`b${evil}`] }),
      prepare: [
        aStep({
          kind: "tokenize",
          tokens: [{ count: 1, isTruncated: false, tokens: [{ id: 1, text: evil }] }],
        }),
      ],
      fate: { kind: "deadLetter", stage: "infer", code: "ROW_FAILED", message: evil },
    });
    for (const char of ["\u001b", "\u202e", "\u0007"]) expect(row).not.toContain(char);
  });
});
