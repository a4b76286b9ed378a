import { FOOTER_PROCESSES } from "./footers/footer-processes.ts";
import { INSPECT_PROCESSES } from "./model/inspect-processes.ts";

/** Starts the processes that planning a job begins with, for whoever still has its own code to load. */
export function startPlanningAhead(): void {
  INSPECT_PROCESSES.warm();
  FOOTER_PROCESSES.warm();
}
