import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { takenBefore } from "../../../../shared/storage/taken-before.ts";

const MODULE = fileURLToPath(new URL("../../../../dist/shared/storage/taken-before.js", import.meta.url));
const STORE = ["s3", { endpoint: "https://minio.local" }];

/** Returns what a new thread knows, which reports nothing itself. */
function seenByThread(store: unknown): Promise<boolean> {
  const code = `
    import(${JSON.stringify(MODULE)}).then(({ takenBefore }) => {
      require("node:worker_threads").parentPort.postMessage(takenBefore(${JSON.stringify(store)}).read());
    });`;
  const thread = new Worker(code, { eval: true });
  return new Promise((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", reject);
  });
}

test("a thread knows what its process knows about a store, and nothing about another store", async () => {
  const taken = takenBefore(STORE);
  expect([taken.read(), await seenByThread(STORE)]).toEqual([false, false]);
  taken.write(true);
  expect(await Promise.all([seenByThread(STORE), seenByThread(["s3", {}])])).toEqual([true, false]);
  expect(takenBefore(STORE).read()).toBe(true);
  taken.write(false);
  expect(await seenByThread(STORE)).toBe(false);
});
