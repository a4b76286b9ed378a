import type { Credential } from "../../shared/access/credential.ts";
import type { SessionCell } from "./session-cell.ts";

/**
 * Way to a job's files. `shared`: the worker reads and writes the coordinator's files itself. `coordinator`:
 * the worker transfers the same ranges and files over gRPC.
 */
export type DataAccess =
  | { readonly kind: "shared" }
  | {
      readonly kind: "coordinator";
      readonly address: string;
      readonly credential: Credential;
      readonly session: SessionCell;
    };
