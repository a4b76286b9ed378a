import type { Credential } from "../../shared/access/credential.ts";
import type { SessionCell } from "./session-cell.ts";

/**
 * How a worker reaches the job's bytes. `shared`: it sees the coordinator's files and reads and writes them
 * itself. `coordinator`: the same ranges and the same files, over gRPC.
 */
export type DataAccess =
  | { readonly kind: "shared" }
  | {
      readonly kind: "coordinator";
      readonly address: string;
      readonly credential: Credential;
      readonly session: SessionCell;
    };
