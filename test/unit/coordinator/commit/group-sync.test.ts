import { expect, test } from "vitest";
import { GroupSync } from "../../../../coordinator/commit/group-sync.ts";
import { type Deferred, deferred } from "../../../../shared/core/abort.ts";

/** A sync whose every run ends when the test says so. */
function gated() {
  const runs: Deferred<void>[] = [];
  const group = new GroupSync(() => {
    const run = deferred<void>();
    runs.push(run);
    return run.promise;
  });
  return { runs, group };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("those that ask while a sync is under way share the next, which begins after it", async () => {
  const { runs, group } = gated();
  const first = group.sync();
  const late = [group.sync(), group.sync()];
  await turn();
  expect(runs).toHaveLength(1);
  runs[0]?.resolve();
  await first;
  await turn();
  expect(runs).toHaveLength(2);
  runs[1]?.resolve();
  await Promise.all(late);
  const again = group.sync();
  expect(runs).toHaveLength(3);
  runs[2]?.resolve();
  await again;
});

test("a sync that fails fails for those that waited for it, and for nobody else", async () => {
  const { runs, group } = gated();
  const first = group.sync();
  const second = group.sync();
  runs[0]?.reject(new Error("EIO"));
  await expect(first).rejects.toThrow("EIO");
  await turn();
  runs[1]?.resolve();
  await second;
});
