/** One execution of a lease by one worker. It is random: no other execution has the same. */
export type ExecutionId = string & { readonly __brand: "ExecutionId" };

/** Takes a text of this process for an id. One that comes from outside is checked first. */
export function asExecutionId(text: string): ExecutionId {
  return text as ExecutionId;
}

/** Returns whether a text can be an id: it becomes part of a folder's name. */
export function isExecutionId(text: string): text is ExecutionId {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text);
}
