/** Record of an action or a refusal. The audit log adds the caller's identity and address. */
export type AuditEvent =
  | { readonly event: "submitted"; readonly job: string; readonly output: string }
  | { readonly event: "cancelled"; readonly job: string; readonly reason: string }
  | { readonly event: "paused" | "resumed"; readonly job: string }
  | { readonly event: "prioritised"; readonly job: string; readonly priority: number }
  | { readonly event: "joined"; readonly worker: string; readonly host: string }
  | { readonly event: "refused"; readonly method: string; readonly code: string; readonly why: string };
