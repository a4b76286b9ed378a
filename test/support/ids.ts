import type { JobId } from "../../shared/domain/job-id.ts";

/** A job id of a few letters, as no coordinator gives it. */
export const aJobId = (text: string) => text as JobId;
