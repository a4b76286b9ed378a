import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import { errorToData } from "../../shared/core/errors.ts";
import type { Session } from "../../shared/onnx/session.ts";
import { FixedBatchSession } from "./fixed-batch.ts";
import { LaneLoop } from "./lane-loop.ts";
import type { LaneCommand, LaneEvent, LaneOptions } from "./lane-protocol.ts";

/** What the thread of one lane does: a session, and the loop that serves it. */
export async function laneMain(openSession: (options: LaneOptions) => Promise<Session>): Promise<void> {
  const owner: MessagePort = present(parentPort, "a lane runs in a thread");
  const tell = (event: LaneEvent) => owner.postMessage(event);
  try {
    const startMs = performance.now();
    const options = workerData as LaneOptions;
    const opened = await openSession(options);
    const session = options.fixedBatch === null ? opened : new FixedBatchSession(opened, options.fixedBatch);
    const loop = new LaneLoop(session, (error) => tell({ kind: "broken", error }));
    owner.on("message", (command: LaneCommand) => {
      if (command.kind === "serve") loop.serve(command.port);
      // With its ports closed nothing keeps the thread alive, and it ends by itself.
      else void loop.close().finally(() => owner.close());
    });
    tell({ kind: "ready", loadMs: performance.now() - startMs });
  } catch (error) {
    tell({ kind: "broken", error: errorToData(error) });
  }
}
