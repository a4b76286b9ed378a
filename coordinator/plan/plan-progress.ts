/** How far the reading of the input is, for whoever waits for a plan: a bucket may hold a million files. */
export class PlanProgress {
  /** Files that were found so far, those of all paths. */
  filesFound = 0;
  /** Files whose footers are known, of so many; null while files are still looked for. */
  footers: { readonly read: number; readonly of: number } | null = null;
}
