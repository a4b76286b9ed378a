import type { TensorData } from "../shared/domain/tensor.ts";
import { createSession, type Session } from "../shared/onnx/session.ts";
import { laneMain } from "../worker/lanes/lane-main.ts";

/**
 * A lane on a device that computes wrongly. One value of each batch is off by one, without an error, as with
 * a wrong kernel.
 */
await laneMain(async (options) => {
  const session = await createSession(options.modelPath, { ...options, device: "cpu" });
  const run: Session["run"] = async (feeds, outputs) => {
    const answers = await session.run(feeds, outputs);
    for (const answer of Object.values(answers)) spoil(answer);
    return answers;
  };
  return {
    run,
    [Symbol.asyncDispose]: async () => await session[Symbol.asyncDispose](),
  };
});

function spoil({ dtype, data }: TensorData): void {
  if (dtype !== "float32") return;
  const values = new Float32Array(data);
  const last = values.length - 1;
  if (last >= 0) values[last] = (values[last] ?? 0) + 1;
}
