import type { Server } from "@grpc/grpc-js";
import type { HealthImplementation, ServingStatus } from "grpc-health-check";
import { addLate } from "./late-methods.ts";
import { libraryMethods } from "./library-methods.ts";

/** Health of services, as in `grpc.health.v1.Health`. */
interface Health {
  /** Sets the status of a service. The name "" is the whole server. */
  setStatus(service: string, status: ServingStatus): void;
}

const METHODS = {
  "/grpc.health.v1.Health/Check": { kind: "unary" },
  "/grpc.health.v1.Health/List": { kind: "unary" },
  "/grpc.health.v1.Health/Watch": { kind: "serverStream" },
} as const;

/** Serves health checks. Loads the library at the first check. */
export function addHealth(server: Server): Health {
  const statuses = new Map<string, ServingStatus>();
  let health: HealthImplementation | null = null;
  addLate(server, METHODS, async () => {
    // In the bundle, a CommonJS module has only its default export.
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
