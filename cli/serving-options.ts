import type { Options } from "yargs";
import { HTTP_FACES, PORTS } from "../coordinator/access/face-methods.ts";
import type { Coordinator, CoordinatorOptions } from "../coordinator/coordinator.ts";
import type { LogTail } from "../shared/core/log.ts";
import type { LogLevel } from "../shared/core/log-levels.ts";
import { DEFAULT_HTTP } from "../shared/terminal/command-parts.ts";

/** Options of a coordinating command that serves more than workers, besides options of faces. */
export interface ServingArguments {
  readonly http: string | undefined;
}

/** Options that ask for ports of faces. Extensions define their names. */
export const portOptions: Readonly<Record<never, Options>> = Object.fromEntries(
  PORTS.map(({ option: { name, says } }): [string, Options] => [
    name,
    { type: "string", requiresArg: true, defaultDescription: "nowhere", describe: says },
  ]),
);

const served = ["/healthz", "/readyz", ...HTTP_FACES.flatMap(({ serves }) => serves)];
const commands = HTTP_FACES.flatMap(({ command }) => command ?? []);

/** Option for serving HTTP. */
export const httpOption = {
  type: "string",
  defaultDescription: `nowhere; without a value ${DEFAULT_HTTP}`,
  describe: [
    `HOST:PORT to serve ${served.slice(0, -1).join(", ")} and ${served.at(-1)} on`,
    ...commands.map(({ name }) => `shardmill ${name}`),
  ].join(": "),
} as const satisfies Options;

/** Examples of `coordinator` with these options. */
export const portExamples = PORTS.map(({ option: { name, example } }): [command: string, says: string] => [
  `$0 coordinator --${name} ${example.value}`,
  example.says,
]);

/** Reads the options for ports of faces and for HTTP. */
export function servingTo(
  args: ServingArguments,
  logLevel: LogLevel,
  tail: LogTail,
): Pick<CoordinatorOptions, "ports" | "http"> {
  const given: Readonly<Record<string, unknown>> = { ...args };
  const { http } = args;
  return {
    ports: PORTS.flatMap((face) => {
      const listen = given[face.option.name];
      return typeof listen === "string" ? [{ face, listen, logLevel }] : [];
    }),
    ...(http === undefined ? {} : { http: { listen: http === "" ? DEFAULT_HTTP : http, tail } }),
  };
}

/** Prints these addresses, because ports may be any free ones, and the next commands that use them. */
export function printServing({ address, ports, httpUrl }: Coordinator): void {
  for (const port of ports) process.stderr.write(`${port.title} on ${port.address}\n`);
  if (httpUrl !== null) {
    const { host, protocol } = new URL(httpUrl);
    const ca = protocol === "https:" ? " --tls-ca FILE" : "";
    process.stderr.write(`HTTP on ${httpUrl}\n`);
    for (const { name, purpose } of commands)
      process.stderr.write(`  ${purpose}: shardmill ${name} --http ${host}${ca}\n`);
    process.stderr.write(`  on each node: shardmill worker --coordinator ${address}${ca}\n`);
  }
}
