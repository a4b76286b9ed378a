import { expect, test } from "vitest";
import { ShardmillError, toShardmillError } from "../../../../shared/core/errors.ts";

test("an error keeps its code when disposing a resource fails afterwards", async () => {
  const act = async () => {
    await using _file = {
      [Symbol.asyncDispose]: () => Promise.reject(new ShardmillError("STORE_FAILED", "cannot close")),
    };
    throw new ShardmillError("STORE_REFUSED", "no room");
  };
  const error = await act().catch((reason: unknown) => reason);
  expect(error).not.toBeInstanceOf(ShardmillError);
  expect(toShardmillError(error)).toMatchObject({ code: "STORE_REFUSED", message: "no room" });
});

test("an error of another class becomes INTERNAL with the original as its cause", () => {
  const cause = new Error("x");
  expect(toShardmillError(cause)).toMatchObject({ code: "INTERNAL", message: "x", cause });
});
