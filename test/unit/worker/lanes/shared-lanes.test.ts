import { expect, it } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import type { LaneSet } from "../../../../worker/lanes/lane-set.ts";
import { SharedLanes } from "../../../../worker/lanes/shared-lanes.ts";

class Lanes {
  readonly told: string[] = [];
  break: (error: ShardmillError) => void = () => {};
  readonly shared = new SharedLanes();

  take(model: string): Promise<LaneSet> {
    return this.shared.take(model, async () => {
      this.told.push(`${model} starts`);
      return {
        count: 1,
        loadMs: 1,
        connect: () => [],
        onBroken: (listener) => {
          this.break = listener;
        },
        [Symbol.asyncDispose]: async () => {
          this.told.push(`${model} ends`);
        },
      };
    });
  }
}

const giveBack = (lanes: LaneSet) => lanes[Symbol.asyncDispose]();

it("loads a model once for jobs side by side, and for those one after the other", async () => {
  const lanes = new Lanes();
  const [first, second] = await Promise.all([lanes.take("a"), lanes.take("a")]);
  await giveBack(first);
  await giveBack(first);
  await giveBack(second);
  await giveBack(await lanes.take("a"));
  expect(lanes.told).toEqual(["a starts"]);
  await lanes.shared[Symbol.asyncDispose]();
  expect(lanes.told).toEqual(["a starts", "a ends"]);
});

it("ends lanes that nobody uses before those of another model start", async () => {
  const lanes = new Lanes();
  await giveBack(await lanes.take("a"));
  const other = await lanes.take("b");
  expect(lanes.told).toEqual(["a starts", "a ends", "b starts"]);
  const again = await lanes.take("a");
  await giveBack(other);
  await giveBack(again);
  expect(lanes.told.slice(3)).toEqual(["a starts", "b ends"]);
});

it("tells those who use them that they are broken, and whoever takes them later, but none who gave them back", async () => {
  const lanes = new Lanes();
  const heard: string[] = [];
  const take = async (who: string) => {
    const taken = await lanes.take("a");
    taken.onBroken(({ code }) => heard.push(`${who}: ${code}`));
    return taken;
  };
  await giveBack(await take("gone"));
  await take("here");
  lanes.break(new ShardmillError("WORKER_DIED", "a lane's thread ended"));
  expect(heard).toEqual(["here: WORKER_DIED"]);
  await take("late");
  expect(heard).toEqual(["here: WORKER_DIED", "late: WORKER_DIED"]);
});

it("ends lanes that nobody uses when their memory is wanted, and no others", async () => {
  const lanes = new Lanes();
  const taken = await lanes.take("a");
  await lanes.shared.closeIdle();
  expect(lanes.told).toEqual(["a starts"]);
  await giveBack(taken);
  await lanes.shared.closeIdle();
  expect(lanes.told).toEqual(["a starts", "a ends"]);
});

it("starts anew what could not be started", async () => {
  const lanes = new Lanes();
  const failing = lanes.shared.take("a", () => Promise.reject(new Error("no memory")));
  await expect(failing).rejects.toThrow("no memory");
  await lanes.take("a");
  expect(lanes.told).toEqual(["a starts"]);
});
