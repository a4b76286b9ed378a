import { workerData } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import type { LaneSession } from "../../shared/onnx/session.ts";
import { LaneLoop } from "./lane-loop.ts";
import type { LaneOptions, LaneThreadMethods, LaneThreadOwner } from "./lane-protocol.ts";

/** Runs the thread of one lane: a session, and the loop that serves it. */
export function laneMain(openSession: (options: LaneOptions) => Promise<LaneSession>): void {
  let loop: LaneLoop | null = null;
  const methods: LaneThreadMethods = {
    async load() {
      const startMs = performance.now();
      const session = await openSession(workerData as LaneOptions);
      loop = new LaneLoop(session, (error) => owner.notify("broken", error));
      return performance.now() - startMs;
    },
    serve(port) {
      present(loop, "a lane serves once it is loaded").serve(port);
    },
  };
  const owner = serveOwner<LaneThreadMethods, LaneThreadOwner>(methods, async () => loop?.close());
}
