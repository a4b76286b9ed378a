import { createSession } from "../../shared/onnx/session.ts";
import { laneMain } from "./lane-main.ts";

/** Started by `startLanes`. */
laneMain((options) => createSession(options.modelPath, options));
