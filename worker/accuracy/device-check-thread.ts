import { parentPort, workerData } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import { errorToData } from "../../shared/core/errors.ts";
import { compareDevice, type DeviceCheckAnswer, type DeviceQuestion } from "./compare-device.ts";

/** The thread of `checkDevice`: answers once, and ends. */
const port = present(parentPort, "a check runs in a thread");
try {
  const comparison = await compareDevice(workerData as DeviceQuestion, () => performance.now());
  port.postMessage({ kind: "compared", comparison } satisfies DeviceCheckAnswer);
} catch (error) {
  port.postMessage({ kind: "failed", error: errorToData(error) } satisfies DeviceCheckAnswer);
}
