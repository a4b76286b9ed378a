/**
 * What an identity may do.
 * - `read`: see jobs, workers and results.
 * - `submit`: that, and hand in, cancel and pause jobs, and say which comes first.
 * - `work`: what a worker does, and nothing else.
 * - `admin`: everything, as the user's own secret.
 */
export const ROLES = ["read", "submit", "work", "admin"] as const;
export type Role = (typeof ROLES)[number];
