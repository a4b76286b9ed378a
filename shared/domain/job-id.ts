/** Id of a job: its name and random digits. In a request, the empty one means the job submitted last. */
export type JobId = string & { readonly __brand: "JobId" };

/** Takes a text for an id. It does not look whether there is such a job. */
export function asJobId(text: string): JobId {
  return text as JobId;
}
