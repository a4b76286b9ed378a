import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { joined } from "../../../../shared/core/abort.ts";

test("joined signals abort with the reason of the first to abort, even one that aborted before", () => {
  const [one, other] = [new AbortController(), new AbortController()];
  using both = joined(one.signal, other.signal);
  other.abort(new Error("enough"));
  one.abort(new Error("late"));
  using late = joined(one.signal);
  expect(both.signal.reason).toEqual(new Error("enough"));
  expect(late.signal.reason).toEqual(new Error("late"));
});

test("many joins of one signal cause no warning by Node, and disposing them removes their listeners", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on("warning", onWarning);
  const { signal } = new AbortController();
  const joints = Array.from({ length: 20 }, () => joined(signal));
  expect(getEventListeners(signal, "abort")).toHaveLength(20);
  for (const joint of joints) joint[Symbol.dispose]();
  expect(getEventListeners(signal, "abort")).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", onWarning);
  expect(warnings.filter(({ name }) => name === "MaxListenersExceededWarning")).toEqual([]);
});
