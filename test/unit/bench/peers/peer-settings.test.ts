import { describe, expect, it } from "vitest";
import { peerSettings } from "../../../../bench/peers/peer-settings.ts";

describe("peerSettings", () => {
  it("looks for none where it is told so: the first variant, the middle batch size, and no run", async () => {
    // This Python does not exist, so a run would fail.
    const options = {
      python: "/nowhere/python",
      cores: 2,
      limitMs: 1,
      bucket: null,
      rows: 10,
      tune: "never",
    } as const;
    expect(await peerSettings("photos", { ...options, peers: ["python", "daft"] })).toEqual({
      python: { variant: "threads", batchRows: 16 },
      daft: { variant: "threads", batchRows: 16 },
    });
  });
});
