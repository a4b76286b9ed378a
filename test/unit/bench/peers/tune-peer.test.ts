import { describe, expect, it } from "vitest";
import type { PeerSettings } from "../../../../bench/peers/peer-job.ts";
import { tunePeer } from "../../../../bench/peers/tune-peer.ts";

const CHOICES = { variants: ["a", "b"], batchRows: [1, 2, 4] };

/** Returns a peer with a time for each setting. It fails with other settings. */
function peer(seconds: Readonly<Record<string, number>>) {
  const tried: string[] = [];
  const secondsOf = async ({ variant, batchRows }: PeerSettings) => {
    tried.push(`${variant}${batchRows}`);
    const found = seconds[`${variant}${batchRows}`];
    if (found === undefined) throw new Error("crashed");
    return found;
  };
  return { tried, secondsOf };
}

describe("tunePeer", () => {
  it("takes the fastest variant, then the fastest batch size with it", async () => {
    const { tried, secondsOf } = peer({ a2: 3, b2: 2, b1: 1, b4: 4 });
    expect(await tunePeer(CHOICES, secondsOf)).toEqual({ variant: "b", batchRows: 1 });
    expect(tried).toEqual(["a2", "b2", "b1", "b4"]);
  });

  it("skips settings that fail", async () => {
    const { secondsOf } = peer({ a2: 3, a4: 5 });
    expect(await tunePeer(CHOICES, secondsOf)).toEqual({ variant: "a", batchRows: 2 });
  });

  it("throws when all settings fail", async () => {
    const error = await tunePeer(CHOICES, peer({}).secondsOf).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
  });
});
