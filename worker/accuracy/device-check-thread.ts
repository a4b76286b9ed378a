import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { compareDevice, type DeviceCheckThread } from "./compare-device.ts";

/** The thread of `checkDevice`. */
serveOwner<DeviceCheckThread>({
  compare: (question) => compareDevice(question, () => performance.now()),
});
