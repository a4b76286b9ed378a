import { createSession } from "../../shared/onnx/session.ts";
import { laneMain } from "./lane-main.ts";

/** Started by `startLanes`. */
await laneMain((options) => createSession(options.modelPath, options));
