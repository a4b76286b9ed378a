import { EXTENSIONS } from "#extensions";
import type { Logger } from "../core/log.ts";
import { NO_TRACER, type Tracer } from "../core/tracer.ts";

/**
 * Opens where the spans of a process go: to the first extension that the environment asks for traces.
 *
 * @param service name of the process, unless the environment gives another
 * @returns NO_TRACER where no traces are asked for
 */
export async function openTracer(
  service: string,
  log: Logger,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Tracer> {
  const asked = EXTENSIONS.find(({ face }) => face?.traces?.isAsked(env));
  return (await asked?.face?.traces?.open(service, log)) ?? NO_TRACER;
}
