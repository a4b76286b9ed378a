/** The longest path that Linux takes. */
const MOST_CHARACTERS = 4_096;

/** Whether a location of external data names something below the model's folder, as text alone can tell. */
export function isInsideLocation(location: string): boolean {
  if (location === "" || location.length > MOST_CHARACTERS || location.includes("\0")) return false;
  if (/^[\\/]|^[A-Za-z]:/.test(location)) return false;
  return !location.split(/[\\/]/).includes("..");
}
