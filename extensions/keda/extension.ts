import type { Extension } from "../../shared/extension/extension.ts";

/** External scaler of KEDA. KEDA reads the number of needed workers from it, and starts and stops them. */
export const keda: Extension = {
  name: "keda",
  face: {
    grpc: {
      // The methods reveal the number of open shards. A caller that starts workers has the workers' token.
      methods: {
        "/externalscaler.ExternalScaler/IsActive": { kind: "unary", callers: "known" },
        "/externalscaler.ExternalScaler/StreamIsActive": { kind: "serverStream", callers: "known" },
        "/externalscaler.ExternalScaler/GetMetricSpec": { kind: "unary", callers: "known" },
        "/externalscaler.ExternalScaler/GetMetrics": { kind: "unary", callers: "known" },
      },
      load: async (view) => (await import("./handlers.ts")).scalerHandlers(view),
      token: {
        hint: "set the trigger's `tokenFromEnv` to a variable of the scaled container that holds a token from a Secret",
        read: async (path, request) => (await import("./methods.ts")).tokenInMessage(path, request),
      },
    },
  },
};
