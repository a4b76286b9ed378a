import { expect, test } from "vitest";
import { planEstimate } from "../../../extensions/estimate/plan-estimate.ts";

const ARGUMENTS = {
  estimate: true,
  "estimate-seconds": "5",
  nodes: "1",
  workers: "auto",
  lanes: "auto",
  threads: "auto",
  "shard-threads": "auto",
};

test("an estimate is made unless it is disabled", () => {
  expect(planEstimate.ask(ARGUMENTS)).toBeInstanceOf(Function);
  expect(planEstimate.ask({ ...ARGUMENTS, estimate: false })).toBeNull();
});

test.each([
  ["lanes", "1.5", "--lanes must be auto or a whole number from 1 to 1024, not 1.5"],
  ["nodes", "0", "--nodes must be a whole number from 1 to 100000, not 0"],
  ["price-per-hour", "-1", "--price-per-hour must be a number from 0 to 1000000000, not -1"],
  ["estimate-seconds", "", "--estimate-seconds must be a number from 1 to 3600, not empty"],
])("--%s %s is refused, with and without an estimate", (option, value, message) => {
  for (const estimate of [true, false])
    expect(() => planEstimate.ask({ ...ARGUMENTS, estimate, [option]: value })).toThrow(message);
});
