/** Where a job is shown. */
export function jobLink(jobId: string, tab = "overview"): string {
  return `#/job/${encodeURIComponent(jobId)}/${tab}`;
}
