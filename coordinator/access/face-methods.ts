import { EXTENSIONS } from "#extensions";
import type { FacePart } from "../../shared/extension/face.ts";

/** Faces of all extensions, which a coordinator serves. */
export const FACES: readonly FacePart[] = EXTENSIONS.flatMap(({ face }) =>
  face === undefined ? [] : [face],
);

/** Returns the face of a method. Undefined: the engine's own method, or an unknown one. */
export function faceOf(path: string): FacePart | undefined {
  return FACES.find(({ methods }) => Object.hasOwn(methods, path));
}
