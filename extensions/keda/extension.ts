import type { Extension } from "../../shared/extension/extension.ts";

/** KEDA's external scaler: it reads how many workers are needed, and starts and stops them. */
export const keda: Extension = {
  name: "keda",
  face: {
    grpc: {
      // They tell how many shards wait. A caller that starts workers has their token.
      methods: {
        "/externalscaler.ExternalScaler/IsActive": { kind: "unary", callers: "known" },
        "/externalscaler.ExternalScaler/StreamIsActive": { kind: "serverStream", callers: "known" },
        "/externalscaler.ExternalScaler/GetMetricSpec": { kind: "unary", callers: "known" },
        "/externalscaler.ExternalScaler/GetMetrics": { kind: "unary", callers: "known" },
      },
      load: async (view) => (await import("./handlers.ts")).scalerHandlers(view),
      token: {
        hint: "name in the trigger's `tokenFromEnv` the variable of the scaled container that holds a token, out of a Secret",
        read: async (path, request) => (await import("./methods.ts")).tokenInMessage(path, request),
      },
    },
  },
};
