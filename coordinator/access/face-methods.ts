import { EXTENSIONS } from "#extensions";
import { present } from "../../shared/core/assert.ts";
import type { GrpcFace, HttpFace, PortFace } from "../../shared/extension/face.ts";

/** gRPC faces of all extensions. */
export const FACES: readonly GrpcFace[] = EXTENSIONS.flatMap(({ face }) => face?.grpc ?? []);

/** Ports of all extensions. */
export const PORTS: readonly PortFace[] = EXTENSIONS.flatMap(({ face }) => face?.port ?? []);

/** Routes of all extensions. */
export const HTTP_FACES: readonly HttpFace[] = EXTENSIONS.flatMap(({ face }) => face?.http ?? []);

/** Returns the port that an option asks for. */
export function portOf(option: string): PortFace {
  return present(
    PORTS.find(({ option: { name } }) => name === option),
    `--${option} asks for a port`,
  );
}

/** Returns the face of a method. Undefined: the engine's own method, or an unknown one. */
export function faceOf(path: string): GrpcFace | undefined {
  return FACES.find(({ methods }) => Object.hasOwn(methods, path));
}
