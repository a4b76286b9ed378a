import type { ErrorCode } from "../../shared/core/error-codes.ts";
import { failed, judgedByStatus, PassingFailure } from "../../shared/http/failures.ts";
import type { Answer } from "../../shared/http/messages.ts";
import { problemOf } from "../object-store/problem.ts";

const MISSING = ["BlobNotFound", "ContainerNotFound", "ResourceNotFound", "ContainerBeingDeleted"];
/** Error codes of temporary faults, for which a retry may succeed. */
const PASSING = ["ServerBusy", "InternalError", "OperationTimedOut", "Md5Mismatch"];

const ACCESS =
  "give the caller the container's role `Storage Blob Data Reader` (`Storage Blob Data Contributor` to write), or use other credentials";
const HINTS: Readonly<Record<string, string>> = {
  AuthenticationFailed:
    "check AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY, the expiry of a shared access signature, and this machine's clock",
  AuthorizationFailure: ACCESS,
  AuthorizationPermissionMismatch: ACCESS,
  InsufficientAccountPermissions: ACCESS,
  InvalidAuthenticationInfo: "check the tenant and the identity: Azure refused the token",
  NoAuthenticationInformation: "unset AZURE_SKIP_SIGNATURE: the container is not public",
  PublicAccessNotPermitted: "unset AZURE_SKIP_SIGNATURE: the account has no public containers",
  BlobArchived: "rehydrate the blob first: it is archived",
  InvalidResourceName: "check the container's name: it is invalid",
  OutOfRangeInput: "check the names of container and blob: one of them is invalid",
};

/** Settings to check, by the error code of a refused caller. The error holds for every request. */
const OF_WHO_ASKS: Readonly<Record<string, string>> = {
  AuthenticationFailed: "AZURE_STORAGE_KEY",
  InvalidAuthenticationInfo: "AZURE_TENANT_ID",
};

/** Returns Azure's error code. It is a header because responses to HEAD have no body. */
export function codeIn({ headers }: Pick<Answer, "headers">): string {
  const code = headers["x-ms-error-code"];
  return typeof code === "string" ? code : "";
}

/** Returns true when Azure refused bytes that do not match their digest. */
export function isOfDigest(answer: Answer): boolean {
  return (codeIn(answer) || problemOf(answer).code) === "Md5Mismatch";
}

/** Returns the error for an unexpected response. */
export function judgedByProblem(path: string, answer: Answer): Error {
  const problem = problemOf(answer);
  const code = codeIn(answer) || problem.code;
  const byStatus = judgedByStatus(path, answer);
  if (PASSING.includes(code) || byStatus instanceof PassingFailure) {
    const { isThrottled, afterMs } =
      byStatus instanceof PassingFailure ? byStatus : { isThrottled: false, afterMs: 0 };
    return new PassingFailure(`answers ${code || answer.status}`, { isThrottled, afterMs });
  }
  const { status } = answer;
  if (code === "") return byStatus;
  // The lines after the first have the request's number and the time.
  const message = problem.message.split("\n")[0] ?? "";
  const hint = HINTS[code];
  const variable = OF_WHO_ASKS[code];
  return failed(
    codeOf(code, status),
    path,
    `answers ${code} (${status})${message === "" ? "" : `: ${message}`}`,
    {
      fields: { status, reason: code, ...(variable === undefined ? {} : { variable }) },
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

function codeOf(code: string, status: number): ErrorCode {
  if (MISSING.includes(code) || status === 404) return "STORE_NOT_FOUND";
  return status === 401 || status === 403 || HINTS[code] !== undefined ? "STORE_REFUSED" : "STORE_FAILED";
}
