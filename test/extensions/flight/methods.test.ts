import { expect, test } from "vitest";
import { flightMethods } from "../../../extensions/flight/methods.ts";
import { decodeRequest } from "../../../shared/wire/method.ts";

test("a flight path with more than 16 names is refused", () => {
  for (const method of [flightMethods.getFlightInfo, flightMethods.getSchema]) {
    expect(decodeRequest(method, { type: "PATH", path: Array(16).fill("a") })).toHaveLength(16);
    expect(() => decodeRequest(method, { type: "PATH", path: Array(17).fill("a") })).toThrow("more than 16");
  }
});
