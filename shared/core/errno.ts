/**
 * The code that the operating system (or a library) gave an error, such as `ENOENT`; null where it has none.
 */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

/** Handles the rejection of a step that removes or moves a file: one that is not there is no failure. */
export function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== "ENOENT") throw error;
}
