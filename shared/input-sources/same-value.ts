import type { Zod } from "../core/zod.ts";
import type { SameSource } from "./input-source.ts";

/** Element in a job file. Quoted: texts such as `NaN`, and whole numbers beyond 2^53. */
export type ValueElement = number | boolean | string;

export interface SameValueBinding {
  readonly kind: "value";
  /** Shape of the value. `[]`: one value for each element of any shape. */
  readonly shape: readonly number[];
  /** Elements in the count of the shape, the last dimension contiguous. One element may be all of them. */
  readonly elements: readonly ValueElement[];
}

type Nested = ValueElement | readonly Nested[];

interface SameValueSpec {
  readonly value?: Nested;
  readonly shape?: readonly number[];
}

/** Limit of elements. People read the job file, and it is sent with every job. Larger values are data. */
const MAX_ELEMENTS = 10_000;

/** Limit of shown elements, so messages stay readable. */
const MOST_SHOWN = 4;

/** Source whose value is the same for all rows, such as a rate or a limit. */
export const sameValue = {
  kind: "value",
  rows: "same",
  key: "value",
  keys: (z: Zod) => {
    const element = z.union([z.number(), z.boolean(), z.string()]);
    const line = z.array(element).min(1).max(MAX_ELEMENTS).meta({ title: "a list of these" });
    const table = z.array(line).min(1).max(MAX_ELEMENTS).meta({ title: "lists of such lists" });
    const tables = z.array(table).min(1).max(MAX_ELEMENTS).meta({ title: "lists of such lists" });
    return {
      value: z
        .union([element, line, table, tables])
        .exactOptional()
        .describe(
          "Instead of a column, a value that is the same for all rows: `sr: { value: 16000 }`. A number, true, false or a " +
            "text, or lists of them. One value is every element of the input, of the `shape` that the job may give. Lists " +
            "have the input's shape, or that of a row. Also `NaN` and `Infinity`. Write whole numbers beyond 2^53 in quotes.",
        ),
    };
  },
  excludes: {
    keys: ["fill", "pad"],
    why: "`value` is the same for all rows: no column feeds it, and nothing in it is missing",
  },
  schema: (z: Zod) =>
    z.object({
      kind: z.literal("value"),
      shape: z.array(z.number()).readonly(),
      elements: z.array(z.union([z.number(), z.boolean(), z.string()])).readonly(),
    }),
  bind: ({ value = 0, shape: given }: SameValueSpec, { report }) => {
    if (given !== undefined && !isList(value)) return { kind: "value", shape: given, elements: [value] };
    const shape = shapeOf(value);
    if (given !== undefined) {
      report({
        path: ["shape"],
        part: "key",
        what: "the lists of `value` have a shape already",
        expected: "`shape` with one value, which is each element",
        found: `lists of [${shape.join(", ")}]`,
      });
      return null;
    }
    const elements: ValueElement[] = [];
    const odd = collect(value, shape, elements);
    if (odd === null && elements.length <= MAX_ELEMENTS) return { kind: "value", shape, elements };
    report({
      path: ["value"],
      part: "value",
      what: odd === null ? "has too many elements" : "is no table: its lists differ in length or depth",
      expected:
        odd === null ? `at most ${MAX_ELEMENTS}` : `lists of [${shape.join(", ")}], as the first ones are`,
      found: odd ?? String(elements.length),
    });
    return null;
  },
  describe: ({ shape, elements }: SameValueBinding) => {
    const shown = elements.slice(0, MOST_SHOWN).map((element) => JSON.stringify(element));
    const all = shown.join(", ") + (elements.length > MOST_SHOWN ? ", ..." : "");
    return `value ${shape.length === 0 || elements.length === 1 ? all : `[${all}]`}, the same for all rows`;
  },
  marksPadding: () => false,
} as const satisfies SameSource<SameValueBinding>;

/** Returns the shape of a value, by its first lists. */
function shapeOf(value: Nested): readonly number[] {
  if (!isList(value)) return [];
  return [value.length, ...(value[0] === undefined ? [] : shapeOf(value[0]))];
}

/**
 * Adds the elements of a value. Returns a description of the part that does not fit the shape. Null: all
 * fits.
 */
function collect(value: Nested, shape: readonly number[], elements: ValueElement[]): string | null {
  const [length, ...rest] = shape;
  if (!isList(value)) {
    elements.push(value);
    return length === undefined ? null : `\`${String(value)}\` among lists`;
  }
  if (value.length !== length) return `a list of ${value.length}`;
  for (const part of value) {
    const odd = collect(part, rest, elements);
    if (odd !== null) return odd;
  }
  return null;
}

function isList(value: Nested): value is readonly Nested[] {
  return Array.isArray(value);
}
