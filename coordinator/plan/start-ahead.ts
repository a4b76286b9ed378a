import { FOOTER_PROCESSES } from "./footers/footer-processes.ts";
import { INSPECT_PROCESSES } from "./model/inspect-processes.ts";

/** Starts the processes that planning needs first, while the caller still loads its own code. */
export function startPlanningAhead(): void {
  INSPECT_PROCESSES.warm();
  FOOTER_PROCESSES.warm();
}
