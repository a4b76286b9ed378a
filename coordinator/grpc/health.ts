import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import type { HealthImplementation, ServingStatus } from "grpc-health-check";
import { present } from "../../shared/core/assert.ts";
import { type LibraryMethod, libraryMethods, NO_REQUEST, unchanged } from "./library-methods.ts";

/** Says of services whether they serve, as `grpc.health.v1.Health`. */
interface Health {
  /** "" stands for the server. */
  setStatus(service: string, status: ServingStatus): void;
}

interface Loaded {
  readonly health: HealthImplementation;
  readonly methods: ReadonlyMap<string, LibraryMethod>;
}

type Call = ServerUnaryCall<Buffer, object> | ServerWritableStream<Buffer, object>;

/** Serves health checks; what answers is loaded when somebody asks. */
export function addHealth(server: Server): Health {
  const statuses = new Map<string, ServingStatus>();
  let loaded: Loaded | null = null;
  let loading: Promise<Loaded> | undefined;
  const load = async () => {
    // Bundled, CommonJS has its default export only.
    const { default: library } = await import("grpc-health-check");
    const health = new library.HealthImplementation(Object.fromEntries(statuses));
    loaded = { health, methods: libraryMethods((collector) => health.addToServer(collector)) };
    return loaded;
  };
  /** Once the library is there: its method, with the request as it reads it. */
  const ready = async (path: string, call: Call) => {
    loading ??= load();
    const method = present((await loading).methods.get(path), "the library has every method of the service");
    try {
      return { method, request: method.definition.requestDeserialize(call.request) };
    } catch {
      throw Object.assign(new Error(NO_REQUEST), { code: status.INVALID_ARGUMENT });
    }
  };
  const written = (path: string) => (value: object) =>
    present(loaded?.methods.get(path), "who answers is loaded").definition.responseSerialize(value);

  for (const name of ["Check", "List"]) {
    const path = `/grpc.health.v1.Health/${name}`;
    const handler: handleUnaryCall<Buffer, object> = (call, callback) => {
      ready(path, call).then(
        ({ method, request }) =>
          (method.handler as handleUnaryCall<object, object>)(Object.assign(call, { request }), callback),
        callback,
      );
    };
    server.register(path, handler, written(path), unchanged, "unary");
  }
  const path = "/grpc.health.v1.Health/Watch";
  const watch: handleServerStreamingCall<Buffer, object> = (call) => {
    ready(path, call).then(
      ({ method, request }) => {
        // Nobody would tell the library of it any more.
        if (call.cancelled) return;
        (method.handler as handleServerStreamingCall<object, object>)(Object.assign(call, { request }));
      },
      (error: unknown) => call.emit("error", error),
    );
  };
  server.register(path, watch, written(path), unchanged, "serverStream");
  return {
    setStatus(service, serving) {
      statuses.set(service, serving);
      loaded?.health.setStatus(service, serving);
    },
  };
}
