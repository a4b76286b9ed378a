import { describe, expect, it } from "vitest";
import { peerSettings } from "../../../../bench/peers/peer-settings.ts";

describe("peerSettings", () => {
  it("gives the first variant and the middle batch size without a run when tuning is off", async () => {
    // This Python does not exist, so a run would fail.
    const options = {
      pythons: { peers: "/nowhere/python" },
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
