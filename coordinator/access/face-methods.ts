import { EXTENSIONS } from "#extensions";
import type { GrpcFace } from "../../shared/extension/face.ts";

/** gRPC faces of all extensions. */
export const FACES: readonly GrpcFace[] = EXTENSIONS.flatMap(({ face }) => face?.grpc ?? []);

/** Returns the face of a method. Undefined: the engine's own method, or an unknown one. */
export function faceOf(path: string): GrpcFace | undefined {
  return FACES.find(({ methods }) => Object.hasOwn(methods, path));
}
