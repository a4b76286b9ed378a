import { offlineEnvironment } from "../../../shared/core/offline-environment.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import { SpareProcess } from "../../../shared/core/spare-process.ts";
import { forkIsolated } from "../../../shared/onnx/isolated.ts";

/** Processes that load a model and read its signature. One is kept warm. */
export const INSPECT_PROCESSES = new SpareProcess(() =>
  forkIsolated(compiledUrl("coordinator/plan/model/inspect-model-process.ts"), offlineEnvironment()),
);
