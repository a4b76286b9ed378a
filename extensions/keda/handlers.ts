import type { FaceView } from "../../shared/extension/face.ts";
import { type HandledMethod, handledMethod } from "../../shared/wire/method.ts";
import { serveServerStream } from "../../shared/wire/streams.ts";
import { serveUnary } from "../../shared/wire/unary.ts";
import { type ScalerMetadata, scalerMethods } from "./methods.ts";
import { Scaler } from "./scaler.ts";
import { readScalerRequest } from "./scaler-request.ts";

/** Metric target per worker. The metric's value is then the number of wanted workers. */
const A_WORKER = 1;

export function scalerHandlers({ jobs, report }: FaceView): ReadonlyMap<string, HandledMethod> {
  const scaler = new Scaler(jobs);
  const { isActive, streamIsActive, getMetricSpec, getMetrics } = scalerMethods;
  const wanted = (metadata: ScalerMetadata) => scaler.workersWanted(readScalerRequest(metadata));
  const specOf = async (metadata: ScalerMetadata) => {
    readScalerRequest(metadata);
    return A_WORKER;
  };
  const watch = (metadata: ScalerMetadata, { signal }: { readonly signal: AbortSignal }) =>
    scaler.watch(readScalerRequest(metadata), signal);
  return new Map([
    handledMethod(
      isActive,
      serveUnary(isActive, async (metadata) => wanted(metadata) > 0, report),
    ),
    handledMethod(streamIsActive, serveServerStream(streamIsActive, watch, report)),
    handledMethod(getMetricSpec, serveUnary(getMetricSpec, specOf, report)),
    handledMethod(
      getMetrics,
      serveUnary(getMetrics, async (metadata) => wanted(metadata), report),
    ),
  ]);
}
