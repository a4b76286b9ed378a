/** Job id: the job's name and random digits. An empty id in a request means the last submitted job. */
export type JobId = string & { readonly __brand: "JobId" };

/** Casts a text to an id. The job need not exist. */
export function asJobId(text: string): JobId {
  return text as JobId;
}
