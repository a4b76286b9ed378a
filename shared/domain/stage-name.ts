/** Returns the name of a stage in the job file. Default: its number, from 1. */
export function stageName(name: unknown, index: number): string {
  return typeof name === "string" ? name : String(index + 1);
}
