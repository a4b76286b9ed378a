import { describe, expect, test } from "vitest";
import { readScalerRequest } from "../../../extensions/keda/scaler-request.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";

const read = (metadata: Record<string, string>) => readScalerRequest(new Map(Object.entries(metadata)));

function problemsOf(metadata: Record<string, string>): unknown {
  try {
    return read(metadata);
  } catch (error) {
    if (!(error instanceof ShardmillError) || error.code !== "ARGUMENT_INVALID") throw error;
    return error.problems;
  }
}

describe("a trigger's metadata", () => {
  test("the metadata sets the shards per worker, the maximum of workers and their device", () => {
    expect(read({ shardsPerWorker: "8" })).toEqual({ shardsPerWorker: 8, maxWorkers: null, device: null });
    expect(read({ shardsPerWorker: "1", maxWorkers: "1000000", device: "cuda" })).toEqual({
      shardsPerWorker: 1,
      maxWorkers: 1_000_000,
      device: "cuda",
    });
  });

  test("the keys of KEDA and the token are accepted", () => {
    const others = { scalerAddress: "c:7433", enableTLS: "true", unsafeSsl: "false", tokenFromEnv: "smt_1" };
    expect(read({ shardsPerWorker: "8", ...others })).toMatchObject({ shardsPerWorker: 8 });
  });

  test("metadata without `shardsPerWorker` is refused with a description of the key", () => {
    expect(problemsOf({})).toEqual([
      expect.objectContaining({
        where: "shardsPerWorker",
        expected: "the number of open shards per worker",
      }),
    ]);
  });

  test("all problems are reported at once, each with its key", () => {
    const wrong = { shardsPerWorkers: "8", maxWorkers: "many", device: "gpu" };
    expect(problemsOf(wrong)).toEqual([
      expect.objectContaining({ where: "shardsPerWorkers", expected: "shardsPerWorker" }),
      expect.objectContaining({ where: "maxWorkers", found: "many" }),
      expect.objectContaining({ where: "shardsPerWorker", what: "is missing" }),
      expect.objectContaining({ where: "device", found: "gpu", expected: expect.stringContaining("cuda") }),
    ]);
  });

  test.each(["0", "-1", "1.5", "1e3", "", " 8", "1000001", "0x10", "NaN"])(
    "%j is refused as a number of shards",
    (text) => {
      expect(problemsOf({ shardsPerWorker: text })).toEqual([
        expect.objectContaining({ where: "shardsPerWorker", found: text }),
      ]);
    },
  );
});
