import { expect, test } from "vitest";
import { copyInStore } from "../../../extensions/azure/copies.ts";

/** Returns a store that reports a number of times that another copy runs, and lists none in progress. */
function busyStore(times: number) {
  const seen = { begun: 0, waits: 0 };
  const calls = {
    begin: async () => {
      seen.begun += 1;
      return seen.begun > times ? { state: "success", progress: "" } : "busy";
    },
    look: async () => ({ state: "success", progress: "" }),
    wait: async () => {
      seen.waits += 1;
    },
  } as const;
  return { seen, calls };
}

test("a copy waits between attempts while the store is busy with a copy that it does not list", async () => {
  const { seen, calls } = busyStore(3);
  expect(await copyInStore("a", calls)).toBe("put");
  expect(seen).toEqual({ begun: 4, waits: 3 });
});

test("a copy to a store that stays busy fails with STORE_FAILED after ten minutes", async () => {
  const { seen, calls } = busyStore(Number.POSITIVE_INFINITY);
  await expect(copyInStore("a", calls)).rejects.toMatchObject({ code: "STORE_FAILED" });
  expect(seen.waits).toBe(1_200);
});
