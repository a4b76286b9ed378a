import { createSession } from "../../shared/onnx/session.ts";
import { laneMain } from "./lane-main.ts";

/** Script of a lane's thread. `startLanes` starts it. */
laneMain((options) => createSession(options.modelPath, options));
