/** Returns the error code of the operating system or a library, such as `ENOENT`. Null: none. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

/** Handles the rejection of a step that removes or moves a file. Ignores a missing file. */
export function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== "ENOENT") throw error;
}
