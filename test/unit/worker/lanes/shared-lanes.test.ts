import { expect, it } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import type { LaneSet } from "../../../../worker/lanes/lane-set.ts";
import { SharedLanes } from "../../../../worker/lanes/shared-lanes.ts";

class Lanes {
  readonly report: string[] = [];
  break: (error: ShardmillError) => void = () => {};
  readonly shared = new SharedLanes();

  take(model: string): Promise<LaneSet> {
    return this.shared.take(model, async () => {
      this.report.push(`${model} starts`);
      return {
        count: 1,
        loadMs: 1,
        connect: () => [],
        onBroken: (listener) => {
          this.break = listener;
        },
        [Symbol.asyncDispose]: async () => {
          this.report.push(`${model} ends`);
        },
      };
    });
  }
}

const release = (lanes: LaneSet) => lanes[Symbol.asyncDispose]();

it("a model is loaded once for concurrent jobs and for consecutive jobs", async () => {
  const lanes = new Lanes();
  const [first, second] = await Promise.all([lanes.take("a"), lanes.take("a")]);
  await release(first);
  await release(first);
  await release(second);
  await release(await lanes.take("a"));
  expect(lanes.report).toEqual(["a starts"]);
  await lanes.shared[Symbol.asyncDispose]();
  expect(lanes.report).toEqual(["a starts", "a ends"]);
});

it("idle lanes end before the lanes of another model start", async () => {
  const lanes = new Lanes();
  await release(await lanes.take("a"));
  const other = await lanes.take("b");
  expect(lanes.report).toEqual(["a starts", "a ends", "b starts"]);
  const again = await lanes.take("a");
  await release(other);
  await release(again);
  expect(lanes.report.slice(3)).toEqual(["a starts", "b ends"]);
});

it("broken lanes notify current and later users, but no user that returned them", async () => {
  const lanes = new Lanes();
  const heard: string[] = [];
  const take = async (who: string) => {
    const taken = await lanes.take("a");
    taken.onBroken(({ code }) => heard.push(`${who}: ${code}`));
    return taken;
  };
  await release(await take("gone"));
  await take("here");
  lanes.break(new ShardmillError("WORKER_LOST", "a lane's thread ended"));
  expect(heard).toEqual(["here: WORKER_LOST"]);
  await take("late");
  expect(heard).toEqual(["here: WORKER_LOST", "late: WORKER_LOST"]);
});

it("closeIdle ends idle lanes and keeps lanes in use", async () => {
  const lanes = new Lanes();
  const taken = await lanes.take("a");
  await lanes.shared.closeIdle();
  expect(lanes.report).toEqual(["a starts"]);
  await release(taken);
  await lanes.shared.closeIdle();
  expect(lanes.report).toEqual(["a starts", "a ends"]);
});

it("lanes that failed to start are started again", async () => {
  const lanes = new Lanes();
  const failing = lanes.shared.take("a", () => Promise.reject(new Error("no memory")));
  await expect(failing).rejects.toThrow("no memory");
  await lanes.take("a");
  expect(lanes.report).toEqual(["a starts"]);
});
