import type { Clock } from "../shared/core/clock.ts";
import type { Logger, LogTail } from "../shared/core/log.ts";
import type { LogLevel } from "../shared/core/log-levels.ts";
import type { CoordinatorView } from "../shared/extension/coordinator-view.ts";
import type { FaceView, PortFace } from "../shared/extension/face.ts";
import type { ResultsView } from "../shared/extension/results-view.ts";
import type { HttpServer } from "../shared/serving/http-server.ts";
import { type Listening, LOCAL } from "../shared/serving/listening.ts";
import { ownVersions } from "../shared/wire/protocol.ts";
import type { CoordinatorServices, ServerService } from "../shared/wire/services.ts";
import type { CallRates } from "./access/call-rates.ts";
import { HTTP_FACES } from "./access/face-methods.ts";
import type { Guard } from "./access/judge.ts";
import { reportTo } from "./grpc/bind.ts";
import type { PortServer } from "./grpc/port-server.ts";
import { startPortThread } from "./grpc/port-thread-client.ts";
import type { RunningServer, startServer } from "./grpc/server.ts";

/** Port of a face that a user asked for. */
interface RequestedPort {
  readonly face: PortFace;
  /** Address `host:port`. */
  readonly listen: string;
  readonly logLevel: LogLevel;
}

/** Addresses of a coordinator, and how it listens. */
export interface ServersOptions {
  /** Address `host:port`. Port 0: any free port. */
  readonly listen: string;
  readonly guard: Guard;
  /** TLS settings of all servers. Default: in the clear, for this machine alone. */
  readonly listening?: Listening;
  /** Ports of faces to serve. Default: none. */
  readonly ports?: readonly RequestedPort[];
  /** HTTP server for people and their programs, at `host:port`. Default: none. */
  readonly http?: { readonly listen: string; readonly tail: LogTail };
  readonly log: Logger;
}

/** Content that the servers serve. */
interface Served {
  readonly services: CoordinatorServices;
  readonly jobs: FaceView["jobs"];
  readonly results: ResultsView;
  /** Limits of each peer's calls. */
  readonly rates: CallRates;
  /** Makes the view for routes of faces, if HTTP is served. */
  readonly view: (logs: LogTail) => CoordinatorView;
}

/** Port of a face that is served. */
interface OpenPort {
  readonly title: string;
  readonly address: string;
}

/** The servers of a coordinator. */
export interface Servers {
  readonly grpc: RunningServer;
  /** Ports of faces, in the order of the options. */
  readonly ports: readonly OpenPort[];
  /** Null: HTTP is not served. */
  readonly http: HttpServer | null;
  /** Takes no new calls, and ends open calls after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/**
 * Opens the gRPC server and all other requested servers. On an error it closes all.
 *
 * @throws the errors of listening
 */
export async function openServers(
  options: ServersOptions,
  serve: typeof startServer,
  { services, jobs, results, rates, view }: Served,
): Promise<Servers> {
  const { listen, guard, listening = LOCAL, log } = options;
  const opened: { close(graceMs: number): Promise<void> }[] = [];
  const close = async (graceMs: number) => {
    await Promise.all(opened.map((server) => server.close(graceMs)));
  };
  const keep = <Server extends { close(graceMs: number): Promise<void> } | null>(server: Server): Server => {
    if (server !== null) opened.push(server);
    return server;
  };
  let isServing = true;
  try {
    const grpc = keep(await serve({ listen, services, jobs, guard, rates, listening, log }));
    const ports: OpenPort[] = [];
    for (const port of options.ports ?? []) {
      const { address } = keep(await openPort(port, { guard, listening, log }, results));
      ports.push({ title: port.face.title, address });
    }
    const http = keep(await openHttp(options, listening, () => isServing, { rates, view }));
    return {
      grpc,
      ports,
      http,
      async close(graceMs) {
        isServing = false;
        await close(graceMs);
      },
    };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** Opens a port in a separate thread. If that thread ends, the jobs go on without it. */
async function openPort(
  { face, listen, logLevel }: RequestedPort,
  { guard, listening, log }: Required<Pick<ServersOptions, "guard" | "listening" | "log">>,
  results: ResultsView,
): Promise<PortServer> {
  const { name } = face.option;
  return await startPortThread({
    port: name,
    listen,
    option: `--${name}`,
    ...{ guard, listening, logLevel, results },
    onLost: (error) => log.error(error, `results are no longer served by ${face.title}`),
  });
}

/** Opens the HTTP server, if requested. Loads its code only then. */
async function openHttp(
  { http, guard, log }: ServersOptions,
  listening: Listening,
  isServing: () => boolean,
  { rates, view }: Pick<Served, "rates" | "view">,
): Promise<HttpServer | null> {
  if (http === undefined) return null;
  const { healthRoutes, serveHttp } = await import("./http/http-server.ts");
  const seen = view(http.tail);
  const faces = await Promise.all(HTTP_FACES.map((face) => face.load(seen)));
  const routes = [...healthRoutes(isServing), ...faces.flat()];
  return await serveHttp({ ...http, guard, rates, listening, routes, report: reportTo(log), log });
}

/** Returns the service that describes this coordinator, which starts now. */
export function serverService({
  clock,
  guard,
  ports = [],
  http,
  remembers,
}: Pick<ServersOptions, "guard" | "ports" | "http"> & {
  readonly clock: Pick<Clock, "wallMs">;
  readonly remembers?: object;
}): ServerService {
  const info = {
    ...ownVersions(),
    startedMs: clock.wallMs(),
    takesJobs: guard.takesJobs,
    remembersJobs: remembers !== undefined,
    serves: [...ports.map(({ face }) => face.title), ...(http === undefined ? [] : ["HTTP"])],
  };
  return { getServerInfo: async () => info };
}
