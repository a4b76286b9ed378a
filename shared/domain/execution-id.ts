/** Random id of one execution of a lease by one worker. */
export type ExecutionId = string & { readonly __brand: "ExecutionId" };

/** Casts a text of this process to an id. Check a text from outside first. */
export function asExecutionId(text: string): ExecutionId {
  return text as ExecutionId;
}

/** Checks whether a text can be an id. An id becomes part of a folder's name. */
export function isExecutionId(text: string): text is ExecutionId {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text);
}
