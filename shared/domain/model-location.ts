/** Longest path on Linux. */
const MOST_CHARACTERS = 4_096;

/** Checks whether a location of external data is below the model's folder, judged by its text alone. */
export function isInsideLocation(location: string): boolean {
  if (location === "" || location.length > MOST_CHARACTERS || location.includes("\0")) return false;
  if (/^[\\/]|^[A-Za-z]:/.test(location)) return false;
  return !location.split(/[\\/]/).includes("..");
}
