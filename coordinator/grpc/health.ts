import type { Server } from "@grpc/grpc-js";
import type { HealthImplementation, ServingStatus } from "grpc-health-check";
import { addLate } from "./late-methods.ts";
import { libraryMethods } from "./library-methods.ts";

/** Says of services whether they serve, as `grpc.health.v1.Health`. */
interface Health {
  /** "" stands for the server. */
  setStatus(service: string, status: ServingStatus): void;
}

const METHODS = {
  "/grpc.health.v1.Health/Check": { kind: "unary" },
  "/grpc.health.v1.Health/List": { kind: "unary" },
  "/grpc.health.v1.Health/Watch": { kind: "serverStream" },
} as const;

/** Serves health checks; what answers is loaded when somebody asks. */
export function addHealth(server: Server): Health {
  const statuses = new Map<string, ServingStatus>();
  let health: HealthImplementation | null = null;
  addLate(server, METHODS, async () => {
    // Bundled, CommonJS has its default export only.
    const { default: library } = await import("grpc-health-check");
    const loaded = new library.HealthImplementation(Object.fromEntries(statuses));
    health = loaded;
    return libraryMethods((collector) => loaded.addToServer(collector));
  });
  return {
    setStatus(service, serving) {
      statuses.set(service, serving);
      health?.setStatus(service, serving);
    },
  };
}
