/**
 * Roles of an identity.
 * - `read`: view jobs, workers and results.
 * - `submit`: as `read`, and submit, cancel, pause and prioritise jobs.
 * - `work`: make a worker's calls, and nothing else.
 * - `admin`: everything, as with the user's own secret.
 */
export const ROLES = ["read", "submit", "work", "admin"] as const;
export type Role = (typeof ROLES)[number];
