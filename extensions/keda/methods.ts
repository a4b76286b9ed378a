import type { Codec } from "../../shared/wire/codec.ts";
import { loadForeign } from "../../shared/wire/load-protos.ts";
import { decodeRequest, defineForeign } from "../../shared/wire/method.ts";
import type { WireReader } from "../../shared/wire/wire-message.ts";

/** Metadata of a KEDA trigger, with text keys. */
export type ScalerMetadata = ReadonlyMap<string, string>;

/**
 * Limits for a trigger, which has a handful of short keys. Larger messages of unauthenticated callers are not
 * parsed.
 */
const MOST_KEYS = 64;
const MOST_BYTES = 16 << 10;

const SCALER = loadForeign("externalscaler.ExternalScaler", {
  "IsActiveRequest.scalerMetadata": MOST_KEYS,
  "StreamIsActiveRequest.scalerMetadata": MOST_KEYS,
  "GetMetricSpecRequest.scalerMetadata": MOST_KEYS,
  "GetMetricsRequest.scaledObjectRef.scalerMetadata": MOST_KEYS,
});

const refCodec: Codec<ScalerMetadata> = {
  encode: (metadata) => ({ scalerMetadata: Object.fromEntries(metadata) }),
  decode: (message) => {
    const entries = message.entries("scalerMetadata");
    return new Map(entries.map(([key, value]) => [key, typeof value === "string" ? value : ""]));
  },
};

const metricsRequestCodec: Codec<ScalerMetadata> = {
  encode: (metadata) => ({ scaledObjectRef: refCodec.encode(metadata) }),
  decode: (message) => refCodec.decode(message.message("scaledObjectRef")),
};

const activeCodec: Codec<boolean> = {
  encode: (result) => ({ result }),
  decode: (message) => message.flag("result"),
};

/** Name of the only metric. KEDA divides its value by the target, and gets the number of workers. */
const METRIC = "shardmill-workers";

/** Codec of the metric's target per worker, the only thing that KEDA gets. */
const specCodec: Codec<number> = {
  encode: (target) => ({
    metricSpecs: [{ metricName: METRIC, targetSize: target, targetSizeFloat: target }],
  }),
  decode: (message) => only(message, "metricSpecs").number("targetSizeFloat"),
};

const valueCodec: Codec<number> = {
  encode: (workers) => ({
    metricValues: [{ metricName: METRIC, metricValue: workers, metricValueFloat: workers }],
  }),
  decode: (message) => only(message, "metricValues").number("metricValueFloat"),
};

function only(message: WireReader, field: string): WireReader {
  const [first, ...more] = message.list(field);
  return first === undefined || more.length > 0 ? message.fail(field, "is not exactly one") : first;
}

export const scalerMethods = {
  isActive: defineForeign(SCALER, "IsActive", refCodec, activeCodec),
  streamIsActive: defineForeign(SCALER, "StreamIsActive", refCodec, activeCodec),
  getMetricSpec: defineForeign(SCALER, "GetMetricSpec", refCodec, specCodec),
  getMetrics: defineForeign(SCALER, "GetMetrics", metricsRequestCodec, valueCodec),
} as const;

/**
 * Returns the token in a message whose caller is not authenticated yet. Null: none. KEDA cannot send headers.
 * It resolves metadata keys that end in `FromEnv`, so the token is there.
 */
export function tokenInMessage(path: string, bytes: Uint8Array): string | null {
  if (bytes.length > MOST_BYTES) return null;
  const method = Object.values(scalerMethods).find(({ definition }) => definition.path === path);
  if (method === undefined) return null;
  try {
    const message = method.definition.requestDeserialize(Buffer.from(bytes));
    return decodeRequest(method, message).get("tokenFromEnv") ?? null;
  } catch {
    // Malformed bytes have no token either.
    return null;
  }
}
