import { present } from "../../shared/core/assert.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { createSession, type Session } from "../../shared/onnx/session.ts";
import { loopBatches } from "./loop-batches.ts";
import type { LoopModel, LoopThread } from "./loop-protocol.ts";

// Entry point of a lane of the bare loop: a session, and nothing else in the thread.

let opened: { readonly session: Session; readonly model: LoopModel } | null = null;

serveOwner<LoopThread>(
  {
    async open(model) {
      const { modelPath, device, threads } = model;
      opened = { session: await createSession(modelPath, { device, threads }), model };
    },
    async run({ batchRows, ms }) {
      const { session, model } = present(opened, "the session is open");
      const batches = loopBatches(model, batchRows);
      // The first run of a size allocates memory and compiles shaders.
      for (const batch of batches) await session.run(batch, [model.output]);
      const startMs = performance.now();
      let runs = 0;
      do {
        for (const batch of batches) await session.run(batch, [model.output]);
        runs += batches.length;
      } while (performance.now() - startMs < ms);
      return { rows: runs * batchRows, ms: performance.now() - startMs };
    },
  },
  async () => opened?.session[Symbol.asyncDispose](),
);
