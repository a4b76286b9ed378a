import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import { present } from "../../shared/core/assert.ts";
import type { HandledMethod } from "../../shared/wire/method.ts";
import { NO_REQUEST, unchanged } from "./library-methods.ts";

type LateCall = ServerUnaryCall<Buffer, object> | ServerWritableStream<Buffer, object>;

/**
 * Serves methods with one request each, by their paths. Loads the implementation at the first call, because
 * loading it at the start would delay a local job.
 */
export function addLate(
  server: Server,
  methods: Readonly<Record<string, { readonly kind: "unary" | "serverStream" }>>,
  load: () => Promise<ReadonlyMap<string, HandledMethod>>,
): void {
  let loaded: ReadonlyMap<string, HandledMethod> | null = null;
  let loading: Promise<void> | undefined;
  const methodAt = (path: string) => present(loaded?.get(path), "every method was loaded");
  /** Loads the method and decodes the request. */
  const ready = async (path: string, call: LateCall) => {
    loading ??= load().then((found) => {
      loaded = found;
    });
    await loading;
    const { definition, handler } = methodAt(path);
    try {
      return { handler, call: Object.assign(call, { request: definition.requestDeserialize(call.request) }) };
    } catch {
      throw Object.assign(new Error(NO_REQUEST), { code: status.INVALID_ARGUMENT });
    }
  };
  for (const [path, { kind }] of Object.entries(methods)) {
    const written = (value: object) => methodAt(path).definition.responseSerialize(value);
    const unary: handleUnaryCall<Buffer, object> = (call, callback) => {
      ready(path, call).then(
        (it) => (it.handler as handleUnaryCall<object, object>)(it.call as typeof call, callback),
        callback,
      );
    };
    const stream: handleServerStreamingCall<Buffer, object> = (call) => {
      ready(path, call).then(
        (it) => {
          // A call cancelled before this would never be reported to the handler as cancelled.
          if (call.cancelled) return;
          (it.handler as handleServerStreamingCall<object, object>)(it.call as typeof call);
        },
        (error: unknown) => call.emit("error", error),
      );
    };
    server.register(path, kind === "unary" ? unary : stream, written, unchanged, kind);
  }
}
