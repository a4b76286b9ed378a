import { expect, it } from "vitest";
import { offsetsBehind } from "../../../../shared/dataset/text-column.ts";

it("offsets end where the last value ends, and are refused before they overflow", () => {
  expect([...offsetsBehind([])]).toEqual([0]);
  expect([...offsetsBehind([2, 0, 3])]).toEqual([0, 2, 2, 5]);
  expect(offsetsBehind([2 ** 30, 2 ** 30 - 1]).at(-1)).toBe(2 ** 31 - 1);
  expect(() => offsetsBehind([2 ** 30, 2 ** 30])).toThrow("less than 2 GiB");
});
