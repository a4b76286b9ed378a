import { createSession } from "../../shared/onnx/session.ts";
import { laneMain } from "./lane-main.ts";

/** Script of a lane's thread. `startLanes` starts it. */
laneMain(async (options) => {
  const { modelPath, shared } = options;
  if (shared === null) return await createSession(modelPath, options);
  const { openSharedSession } = await import("../../shared/onnx/shared-session/shared-session.ts");
  return (await openSharedSession(modelPath, shared)) ?? (await createSession(modelPath, options));
});
