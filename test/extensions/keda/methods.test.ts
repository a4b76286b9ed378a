import { expect, test } from "vitest";
import { scalerMethods } from "../../../extensions/keda/methods.ts";
import { decodeRequest } from "../../../shared/wire/method.ts";

const metadata = (keys: number) =>
  Object.fromEntries(Array.from({ length: keys }, (_, at) => [`k${at}`, "v"]));

test("a trigger with more than 64 keys is refused by every method", () => {
  const { isActive, streamIsActive, getMetricSpec, getMetrics } = scalerMethods;
  for (const method of [isActive, streamIsActive, getMetricSpec]) {
    expect(decodeRequest(method, { scalerMetadata: metadata(64) }).size).toBe(64);
    expect(() => decodeRequest(method, { scalerMetadata: metadata(65) })).toThrow("more than 64");
  }
  const scaledObjectRef = { scalerMetadata: metadata(65) };
  expect(() => decodeRequest(getMetrics, { scaledObjectRef })).toThrow("more than 64");
});
