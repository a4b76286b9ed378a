import type { Zod } from "../core/zod.ts";
import { columnName, type ValueSource } from "./input-source.ts";

interface PositionMaskBinding {
  readonly kind: "mask";
  readonly of: string;
  /** Pairs: whether a position is paired only with itself and those before it. */
  readonly causal?: true;
}

interface PositionMaskSpec {
  readonly mask?: string;
  readonly causal?: boolean;
}

/** Names that exporters give to masks: 1 for a position, 0 for padding. */
export const MASK_NAMES: readonly string[] = ["attention_mask", "input_mask"];

/**
 * Checks whether an ONNX input of this name is a mask of positions. A column that feeds it marks padding for
 * the model, as an input made with `mask` does.
 */
export function isMaskName(tensor: string): boolean {
  return MASK_NAMES.includes(tensor);
}

/** Source with 1 for each position that the input `of` has in a row, and 0 for padding. */
export const positionMask = {
  kind: "mask",
  rows: "value",
  per: ["position", "pair"],
  key: "mask",
  keys: (z: Zod) => ({
    mask: columnName(z)
      .exactOptional()
      .describe(
        "Instead of a column, another input whose rows are of uneven length: 1 for each position that a row has, 0 for " +
          "padding, before `scale` and `offset`. `attention_mask: { mask: input_ids }`; all zeros are " +
          "`token_type_ids: { mask: input_ids, scale: 0 }`. An input of `[batch, n, n]` or `[batch, 1, n, n]` has a 1 in each " +
          "line for each position that the row has.",
      ),
    causal: z
      .boolean()
      .exactOptional()
      .describe(
        "With `mask`, for an input of `[batch, n, n]` or `[batch, 1, n, n]`: whether a line has ones only up to its own " +
          "position. Default: false.",
      ),
  }),
  excludes: {
    keys: ["shape", "fill", "pad"],
    why: "a mask is 1 for each position of a row and 0 for padding: no column feeds it, nothing in it is missing",
  },
  schema: (z: Zod) =>
    z.object({ kind: z.literal("mask"), of: z.string(), causal: z.literal(true).exactOptional() }),
  bind: ({ mask = "", causal = false }: PositionMaskSpec) => ({
    kind: "mask",
    of: mask,
    ...(causal ? { causal: true } : {}),
  }),
  positionsOf: ({ of }) => of,
  value: () => 1,
  describe: ({ of, causal }: PositionMaskBinding) => `${causal === true ? "causal " : ""}mask of ${of}`,
  marksPadding: ({ scale }) => scale !== 0,
  offer: (tensor) =>
    isMaskName(tensor)
      ? "`mask` makes it of an input that is fed by lists: `attention_mask: { mask: input_ids }`"
      : null,
} as const satisfies ValueSource<PositionMaskBinding>;
