import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { compareDevice, type DeviceCheckThread } from "./compare-device.ts";

/** Script of the thread that `checkDevice` starts. */
serveOwner<DeviceCheckThread>({
  compare: (question) => compareDevice(question, () => performance.now()),
});
