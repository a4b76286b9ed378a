/** Returns the address of a job's view. */
export function jobLink(jobId: string, tab = "overview"): string {
  return `#/job/${encodeURIComponent(jobId)}/${tab}`;
}
