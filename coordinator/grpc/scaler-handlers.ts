import type { UntypedHandleCall } from "@grpc/grpc-js";
import type { Method } from "../../shared/wire/method.ts";
import { type ScalerMetadata, scalerMethods } from "../../shared/wire/methods-scaler.ts";
import { serveServerStream } from "../../shared/wire/streams.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";
import type { Scaler } from "../service/scaler.ts";
import { readScalerAsk } from "../service/scaler-ask.ts";
import type { LibraryMethod } from "./library-methods.ts";

/** What the metric has for each worker that is wanted: its value is their number. */
const A_WORKER = 1;

export function scalerHandlers(scaler: Scaler, report: ReportFailure): ReadonlyMap<string, LibraryMethod> {
  const { isActive, streamIsActive, getMetricSpec, getMetrics } = scalerMethods;
  const wanted = (metadata: ScalerMetadata) => scaler.workersWanted(readScalerAsk(metadata));
  const specOf = async (metadata: ScalerMetadata) => {
    readScalerAsk(metadata);
    return A_WORKER;
  };
  const watch = (metadata: ScalerMetadata, signal: AbortSignal) =>
    scaler.watch(readScalerAsk(metadata), signal);
  return new Map([
    entry(
      isActive,
      serveUnary(isActive, async (metadata) => wanted(metadata) > 0, report),
    ),
    entry(streamIsActive, serveServerStream(streamIsActive, watch, report)),
    entry(getMetricSpec, serveUnary(getMetricSpec, specOf, report)),
    entry(
      getMetrics,
      serveUnary(getMetrics, async (metadata) => wanted(metadata), report),
    ),
  ]);
}

function entry(
  { definition }: Pick<Method<unknown, unknown>, "definition">,
  handler: UntypedHandleCall,
): [path: string, method: LibraryMethod] {
  return [definition.path, { definition, handler }];
}
