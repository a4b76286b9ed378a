import { createSession } from "../../shared/onnx/session.ts";
import { SharedHandle } from "../../shared/onnx/shared-session/shared-handle.ts";
import { openSharedSession } from "../../shared/onnx/shared-session/shared-session.ts";
import { laneSessionContract } from "./lane-session-contract.ts";

const own = (path: string) => createSession(path, { device: "cpu", threads: 1 });

laneSessionContract("a session of the binding", own);

// As in the thread of a lane: models of other types than numbers use the binding.
laneSessionContract(
  "a shared session",
  async (path) => (await openSharedSession(path, SharedHandle.buffer())) ?? (await own(path)),
);
