import { EXTENSIONS } from "#extensions";
import type { Logger } from "../core/log.ts";
import { NO_TRACER, type Tracer } from "../core/tracer.ts";

/**
 * Opens the tracer of a process, from the first extension that the environment enables.
 *
 * @param service name of the process, unless the environment sets another
 * @returns NO_TRACER when no traces are requested
 */
export async function openTracer(
  service: string,
  log: Logger,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Tracer> {
  const requested = EXTENSIONS.find(({ face }) => face?.traces?.isRequested(env));
  return (await requested?.face?.traces?.open(service, log)) ?? NO_TRACER;
}
