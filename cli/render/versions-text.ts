import { formatSeconds } from "../../shared/core/units.ts";
import type { ServerInfo } from "../../shared/domain/server-info.ts";
import type { Versions } from "../../shared/domain/versions.ts";
import { protocolsMeet, protocolText } from "../../shared/wire/protocol.ts";

/** Shows the versions of this command and, if requested, of its coordinator. */
export function versionsText(own: Versions, coordinator: ServerInfo | null, nowMs: number): string {
  const lines = ["shardmill", ...versionLines(own)];
  if (coordinator === null) return lines.join("\n");
  const { startedMs, takesJobs, remembersJobs, serves } = coordinator;
  const features = [
    takesJobs ? "takes jobs" : "has one job",
    ...(remembersJobs ? ["remembers jobs"] : []),
    ...serves,
  ].join(", ");
  const upSeconds = Math.max(0, nowMs - startedMs) / 1_000;
  const started = `  started   ${new Date(startedMs).toISOString()}, ${formatSeconds(upSeconds)} ago`;
  return [...lines, "coordinator", ...versionLines(coordinator), started, `  serves    ${features}`].join(
    "\n",
  );
}

function versionLines({ build, protocol, mapping }: Versions): string[] {
  return [`  version   ${build}`, `  protocol  ${protocolText(protocol)}`, `  mapping   ${mapping}`];
}

type Builds = Pick<Versions, "build" | "protocol">;

/** Warns of a coordinator without a common version of the protocol. Null: there is one. */
export function skewText(own: Builds, { build, protocol }: Builds): string | null {
  if (protocolsMeet(own.protocol, protocol)) return null;
  return (
    `the coordinator is shardmill ${build} with protocol ${protocolText(protocol)}, this command is ${own.build} with protocol ` +
    `${protocolText(own.protocol)}: responses may be misread, and workers of this version cannot join`
  );
}
