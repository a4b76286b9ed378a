import { describe, expect, it } from "vitest";
import { NO_VERDICT } from "../../../../shared/domain/bottleneck.ts";
import type { StageShares } from "../../../../shared/domain/worker.ts";
import { bottleneckText, verdictEntries } from "../../../../shared/terminal/verdict-text.ts";

describe("the verdict on a run", () => {
  it("the bottleneck is a stage and its share, or another cause in words", () => {
    expect(bottleneckText({ bottleneck: "decode", stages: { decode: 0.876 } })).toBe("decode (88 % busy)");
    expect(bottleneckText({ bottleneck: "decode", stages: {} })).toBe("decode");
    expect(bottleneckText({ bottleneck: "shards", stages: { infer: 0.3 } })).toBe("too few shards");
    expect(bottleneckText({ bottleneck: "coordinator", stages: {} })).toBe("the coordinator");
    expect(bottleneckText({ bottleneck: null, stages: {} })).toBeNull();
  });

  it("busy stages are in their order, without stages that are hardly busy", () => {
    const busy = (stages: StageShares) => new Map(verdictEntries({ ...NO_VERDICT, stages })).get("busy");
    expect(busy({ infer: 0.5, read: 0.02, store: 0.004 })).toBe(
      "read 2 %, infer 50 % of a worker's time, concurrently",
    );
    expect(busy({ store: 0.001 })).toBeNull();
  });

  it("an unknown value has no line", () => {
    expect(verdictEntries(NO_VERDICT).filter(([, value]) => value !== null)).toEqual([]);
    expect(verdictEntries({ ...NO_VERDICT, padding: 0.25 })).toContainEqual(["padding", "25 %"]);
  });
});
