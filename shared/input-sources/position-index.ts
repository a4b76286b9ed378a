import type { Zod } from "../core/zod.ts";
import { columnName, type ValueSource } from "./input-source.ts";

interface PositionIndexBinding {
  readonly kind: "positions";
  readonly of: string;
}

interface PositionIndexSpec {
  readonly positions?: string;
}

/** Checks whether exporters give this name to the numbers of positions. */
function isPositionsName(tensor: string): boolean {
  return tensor === "position_ids";
}

/** Source with 0, 1, 2 at the positions that the input `of` has in a row. */
export const positionIndex = {
  kind: "positions",
  rows: "value",
  per: ["position"],
  key: "positions",
  keys: (z: Zod) => ({
    positions: columnName(z)
      .exactOptional()
      .describe(
        "Instead of a column, another input whose rows are of uneven length: 0, 1, 2 at the positions that a row has, " +
          "before `scale` and `offset`, and `pad` (default: 0) for padding. `position_ids: { positions: input_ids }`.",
      ),
  }),
  excludes: {
    keys: ["shape", "fill"],
    why: "positions are counted: no column feeds them, nothing in them is missing",
  },
  schema: (z: Zod) => z.object({ kind: z.literal("positions"), of: z.string() }),
  bind: ({ positions = "" }: PositionIndexSpec) => ({ kind: "positions", of: positions }),
  positionsOf: ({ of }) => of,
  value: () => "index",
  pad: ({ pad }) => (typeof pad === "number" ? pad : 0),
  describe: ({ of }) => `positions of ${of}`,
  marksPadding: () => false,
  offer: (tensor) =>
    isPositionsName(tensor)
      ? "`positions` counts those of an input that is fed by lists: `position_ids: { positions: input_ids }`"
      : null,
} as const satisfies ValueSource<PositionIndexBinding>;
