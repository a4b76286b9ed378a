import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import { errorToData } from "../../shared/core/errors.ts";
import { createSession } from "../../shared/onnx/session.ts";
import { LaneLoop } from "./lane-loop.ts";
import type { LaneCommand, LaneEvent, LaneOptions } from "./lane-protocol.ts";

/** The thread of one lane: a session, and the loop that serves it. Started by `startLanes`. */

const owner: MessagePort = present(parentPort, "a lane runs in a thread");
const tell = (event: LaneEvent) => owner.postMessage(event);

async function main(options: LaneOptions): Promise<void> {
  const startMs = performance.now();
  const session = await createSession(options.modelPath, options);
  const loop = new LaneLoop(session, (error) => tell({ kind: "broken", error }));
  owner.on("message", (command: LaneCommand) => {
    if (command.kind === "serve") loop.serve(command.port);
    // With its ports closed nothing keeps the thread alive, and it ends by itself.
    else void loop.close().finally(() => owner.close());
  });
  tell({ kind: "ready", loadMs: performance.now() - startMs });
}

main(workerData as LaneOptions).catch((error: unknown) =>
  tell({ kind: "broken", error: errorToData(error) }),
);
