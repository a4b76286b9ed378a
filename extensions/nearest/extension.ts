import type { Extension } from "../../shared/extension/extension.ts";
import { type NearestOp, nearestOp, nearestText } from "./op.ts";
import { type NearestSpec, nearestSpec } from "./spec.ts";

/** Nearest neighbours among a fixed set of vectors. */
export const nearest: Extension = {
  name: "nearest",
  steps: [
    {
      key: "nearest",
      says: "Finds the nearest vectors of a fixed set. See [nearest neighbours](nearest.md).",
      spec: nearestSpec,
      files: {
        keys: ["among"],
        make: async (named, signal) => (await import("./make-set.ts")).makeSet(named, signal),
        async describe({ location }) {
          const { PackedSet } = await import("./packed-set.ts");
          await using set = await PackedSet.open(location);
          return set.facts;
        },
      },
      loadPlanner: async () => {
        const { planNearest } = await import("./plan-nearest.ts");
        return (value, context) => planNearest(value as unknown as NearestSpec, context);
      },
      step: {
        kind: "nearest",
        data: nearestOp,
        show: (data) => nearestText(data as unknown as NearestOp),
        async open(binding, data, options) {
          const { openNearestStep } = await import("./nearest-step.ts");
          return await openNearestStep(binding, data as unknown as NearestOp, options);
        },
      },
    },
  ],
};
