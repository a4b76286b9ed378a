import type { Guard } from "../../coordinator/access/judge.ts";
import type { Credential } from "../../shared/access/credential.ts";

/** Secret that only the test's own process knows. */
const SECRET = "a-secret-of-a-test-and-of-nothing-else-0123456789";

/** Guard of a server in the test's own process. */
export const TEST_GUARD: Guard = {
  secret: SECRET,
  tokensPath: null,
  auditPath: null,
  takesJobs: true,
};

/** Credential of its clients. */
export const TEST_CREDENTIAL: Credential = { path: "/no/file/of/a/test", secret: SECRET };
