import { expect, test } from "vitest";
import { CONCRETE_DEVICES } from "../../../../shared/domain/device.ts";
import { autoCandidates, DEVICE_TRAITS, existsOn } from "../../../../shared/onnx/devices.ts";

test("the device auto tries only providers of real GPUs that the platform can have", () => {
  expect(autoCandidates("linux")).toEqual(["cuda"]);
  expect(autoCandidates("darwin")).toEqual(["coreml"]);
  expect(autoCandidates("win32")).toEqual(["cuda", "dml"]);
});

test("every device except the CPU has a list of its needs, and the CPU exists on every platform", () => {
  for (const device of CONCRETE_DEVICES)
    expect(DEVICE_TRAITS[device].needs({}) === "").toBe(device === "cpu");
  expect((["linux", "darwin", "win32"] as const).every((platform) => existsOn("cpu", platform))).toBe(true);
  expect(existsOn("coreml", "linux")).toBe(false);
});
